-- What the rows of money may say, held by the database itself. Triggers look at all rows of a statement at once:
-- a release of half a million orders is a few statements.
-- Their questions are planned anew each time (`EXECUTE`), and many rows are never joined one by one: a plan made for a
-- handful of rows, or by statistics that a failed release left behind, would be ruinous for many.

CREATE FUNCTION refuse_money(why text, held_by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', why USING ERRCODE = 'check_violation', CONSTRAINT = held_by;
END
$$;

CREATE FUNCTION plan_for(many boolean) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('enable_nestloop', CASE WHEN many THEN 'off' ELSE 'on' END, true)
$$;

-- Transfers are numbered without gaps, in the order of booking, and instants do not run backwards. What settles a
-- pending transfer moves what that one holds.
CREATE FUNCTION check_transfers() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; first_number bigint; last_number bigint; how_many bigint; first_at timestamptz; before record;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    SELECT min(number), max(number), count(*), min(booked_at) INTO first_number, last_number, how_many, first_at FROM added;
    IF how_many = 0 THEN RETURN NULL; END IF;
    SELECT number, booked_at INTO before FROM transfer WHERE number < first_number ORDER BY number DESC LIMIT 1;
    IF first_number <> coalesce(before.number, 0) + 1 OR last_number - first_number + 1 <> how_many THEN
        PERFORM refuse_money('transfers are numbered without gaps', 'transfer_numbers');
    END IF;
    IF first_at < before.booked_at OR EXISTS (
        SELECT FROM (SELECT booked_at, lag(booked_at) OVER (ORDER BY number) AS earlier FROM added) AS pairs
        WHERE booked_at < earlier
    ) THEN
        PERFORM refuse_money('instants of booking do not run backwards', 'transfer_instants');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added LEFT JOIN transfer AS held ON held.number = added.settles
        WHERE added.settles IS NOT NULL
          AND (held.stage = 'PENDING' AND held.amount_idr = added.amount_idr AND held.code = added.code) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('only a pending transfer is settled, whole', 'transfer_settles_pending');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_transfers AFTER INSERT ON transfer
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_transfers();

-- Legs of a transfer sum to zero, and are those it says it has, when its transaction ends, whoever wrote them.
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    found record;
BEGIN
    SELECT count(*) AS legs, coalesce(sum(amount_idr), 0) AS rest,
           coalesce(sum(amount_idr) FILTER (WHERE amount_idr > 0), 0) AS debits
    INTO found FROM leg WHERE transfer = NEW.number;
    IF found.rest <> 0 OR found.legs <> NEW.legs OR found.debits <> NEW.amount_idr THEN
        PERFORM refuse_money(format('transfer %s does not balance', NEW.number), 'transfer_balances');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER check_balance AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.settles IS NULL) EXECUTE FUNCTION check_balance();

-- A leg is one of those its transfer announced, so nothing can be added to a transfer that balances already. A personal
-- account names a card on every leg. A capped account is locked and never overdrawn.
CREATE FUNCTION check_legs() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; capped bigint; rest bigint;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added LEFT JOIN transfer ON transfer.number = added.transfer
        WHERE (added.position <= transfer.legs) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('a leg belongs to a transfer that announced it', 'leg_of_its_transfer');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM (SELECT DISTINCT account, card_number IS NOT NULL AS names_card FROM added) AS used
        LEFT JOIN account ON account.number = used.account
        WHERE (account.is_personal = used.names_card) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('a personal account names a card on every leg, others none', 'leg_of_its_account');
    END IF;
    FOR capped IN
        SELECT number FROM account WHERE is_capped AND number IN (SELECT account FROM added) ORDER BY number FOR UPDATE
    LOOP
        -- Under a snapshot of the whole transaction the sum would not see what others booked while we waited.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            PERFORM refuse_money('appropriations are booked under READ COMMITTED', 'leg_sees_all');
        END IF;
        EXECUTE $asked$ SELECT EXISTS (
            SELECT FROM added JOIN transfer ON transfer.number = added.transfer
            WHERE added.account = $1 AND transfer.stage <> 'POSTED'
        ) $asked$ INTO is_any USING capped;
        IF is_any THEN
            PERFORM refuse_money('an appropriation is never used by a pending transfer', 'leg_of_capped_is_posted');
        END IF;
        EXECUTE 'SELECT sum(amount_idr) FROM leg WHERE account = $1 AND card_number IS NULL' INTO rest USING capped;
        IF rest > 0 THEN
            PERFORM refuse_money('more would be promised than was appropriated', 'never_above_appropriation');
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_legs AFTER INSERT ON leg
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_legs();

-- A row of the audit follows the newest one and carries its hash.
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('cair.audit'));
    SELECT number, hash INTO before FROM audit ORDER BY number DESC LIMIT 1;
    NEW.number := coalesce(before.number, 0) + 1;
    NEW.previous := coalesce(before.hash, decode(repeat('00', 32), 'hex'));
    NEW.hash := sha256(NEW.previous || convert_to(NEW.content, 'UTF8'));
    RETURN NEW;
END
$$;
CREATE TRIGGER chain_audit BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();

-- Who may hold which roles: whoever plans does not approve, whoever approves does not pay, an auditor does nothing else.
ALTER TABLE staff ADD CONSTRAINT staff_forbidden_pairs CHECK (
    NOT roles @> ARRAY['OFFICER', 'CHECKER'] AND NOT roles @> ARRAY['OFFICER', 'APPROVER']
    AND NOT roles @> ARRAY['OFFICER', 'DIRECTOR'] AND NOT roles @> ARRAY['TREASURER', 'CHECKER']
    AND NOT roles @> ARRAY['TREASURER', 'APPROVER'] AND NOT roles @> ARRAY['TREASURER', 'DIRECTOR']
    AND (NOT roles @> ARRAY['AUDITOR'] OR cardinality(roles) = 1)
);
ALTER TABLE staff ADD CONSTRAINT staff_roles_known CHECK (
    roles <@ ARRAY['OFFICER', 'CHECKER', 'APPROVER', 'DIRECTOR', 'TREASURER', 'AUDITOR']
);

-- The list of a release is whole when its transaction ends, and nothing comes to it afterwards.
CREATE FUNCTION check_release() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    SELECT count(*) AS items, coalesce(sum(amount_idr), 0) AS amount INTO found
    FROM release_item WHERE release = NEW.number;
    IF found.items <> NEW.items OR found.amount <> NEW.amount_idr THEN
        PERFORM refuse_money(format('the list of release %s is not whole', NEW.number), 'release_whole');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER check_release AFTER INSERT ON release DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION check_release();

CREATE FUNCTION check_items() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added LEFT JOIN release ON release.number = added.release
        WHERE (added.position <= release.items) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('an item belongs to a release that announced it', 'release_item_of_its_release');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_items AFTER INSERT ON release_item
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_items();

-- An approval is of this list, of this planner; a stage follows the one before. A run has all its approvals.
ALTER TABLE release ADD CONSTRAINT release_as_approved UNIQUE (number, list_hash, planned_by);
ALTER TABLE release ADD CONSTRAINT release_as_run UNIQUE (number, list_hash, stages);
ALTER TABLE approval ADD CONSTRAINT approval_of_this_list
    FOREIGN KEY (release, list_hash, planned_by) REFERENCES release (number, list_hash, planned_by);
ALTER TABLE approval ADD CONSTRAINT approval_after_the_one_before
    FOREIGN KEY (release, previous_stage) REFERENCES approval (release, stage);
ALTER TABLE release_end ADD CONSTRAINT release_end_of_release FOREIGN KEY (release) REFERENCES release (number);
ALTER TABLE release_end ADD CONSTRAINT release_end_of_this_list
    FOREIGN KEY (release, list_hash, stages) REFERENCES release (number, list_hash, stages);
ALTER TABLE release_end ADD CONSTRAINT release_end_approved
    FOREIGN KEY (release, stages) REFERENCES approval (release, stage);

-- Once a release has ended nobody approves it any more.
CREATE FUNCTION check_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM release WHERE number = NEW.release FOR UPDATE;
    IF EXISTS (SELECT FROM release_end WHERE release = NEW.release) THEN
        PERFORM refuse_money(format('release %s has ended', NEW.release), 'approval_before_the_end');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_approval AFTER INSERT ON approval FOR EACH ROW EXECUTE FUNCTION check_approval();
CREATE FUNCTION lock_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM release WHERE number = NEW.release FOR UPDATE;
    RETURN NEW;
END
$$;
CREATE TRIGGER lock_release BEFORE INSERT ON release_end FOR EACH ROW EXECUTE FUNCTION lock_release();

-- An account pays one participant, and others only by a decision of two people about just that.
ALTER TABLE payee ADD CONSTRAINT payee_overridden
    FOREIGN KEY (override_number, partner, account_ref_index, card_number)
    REFERENCES account_override (number, partner, account_ref_index, card_number);

-- Orders are items of releases that were run, each with its pending transfer and its payee; a later attempt is for the
-- same participant, benefit and amount as the one before, which has ended.
CREATE FUNCTION check_orders() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN release_end AS ended ON ended.release = added.release AND ended.how = 'RUN'
        LEFT JOIN release_item AS item ON item.release = added.release AND item.position = added.position
        LEFT JOIN payee ON payee.partner = item.partner AND payee.account_ref_index = item.account_ref_index
             AND payee.card_number = item.card_number
        LEFT JOIN transfer ON transfer.number = added.transfer
        WHERE (ended.release IS NOT NULL AND payee.card_number IS NOT NULL
               AND transfer.stage = 'PENDING' AND transfer.code = 'pay_incentive'
               AND transfer.amount_idr = added.amount_idr
               AND (item.order_ref, item.attempt, item.card_number, item.benefit, item.line, item.partner, item.amount_idr)
                 = (added.order_ref, added.attempt, added.card_number, added.benefit, added.line, added.partner,
                    added.amount_idr)) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('an order is an item of a release that was run', 'payment_order_of_its_release');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN payment_order AS earlier
          ON earlier.order_ref = added.order_ref AND earlier.attempt = added.previous_attempt
        WHERE added.previous_attempt IS NOT NULL
          AND ((earlier.card_number, earlier.benefit, earlier.amount_idr)
             = (added.card_number, added.benefit, added.amount_idr)) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('a later attempt pays the same benefit', 'payment_order_same_benefit');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_orders AFTER INSERT ON payment_order
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_orders();
ALTER TABLE payment_order ADD CONSTRAINT payment_order_after_its_evidence
    FOREIGN KEY (order_ref, previous_attempt, previous_status)
    REFERENCES payment_outcome (order_ref, attempt, status);

-- Only the newest holder of a claim sends, and nothing is sent that has ended. A claim waits for whoever is sending.
-- The first line in a file has epoch 0 and needs no claim: it is refused once a worker has one, and there is one such line.
ALTER TABLE claim ADD CONSTRAINT claim_of_order
    FOREIGN KEY (order_ref, attempt) REFERENCES payment_order (order_ref, attempt);
CREATE FUNCTION check_sendings() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE 'SELECT FROM payment_order AS held WHERE (held.order_ref, held.attempt) IN '
            '(SELECT order_ref, attempt FROM added) ORDER BY held.order_ref, held.attempt FOR SHARE';
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN claim ON (claim.order_ref, claim.attempt, claim.epoch) = (added.order_ref, added.attempt, added.epoch)
        LEFT JOIN claim AS newer
          ON (newer.order_ref, newer.attempt) = (added.order_ref, added.attempt) AND newer.epoch > added.epoch
        WHERE (claim.epoch IS NULL AND NOT (added.epoch = 0 AND added.file_ref <> '')) OR newer.epoch IS NOT NULL
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('another worker has taken the order over', 'sending_by_newest_claim');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added JOIN payment_outcome AS ended
          ON (ended.order_ref, ended.attempt) = (added.order_ref, added.attempt)
        WHERE added.kind = 'SEND'
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('what has ended is not sent', 'sending_before_the_end');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_sendings AFTER INSERT ON sending
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_sendings();
ALTER TABLE answer ADD CONSTRAINT answer_of_sending FOREIGN KEY (sending) REFERENCES sending (number);
CREATE SEQUENCE sending_number OWNED BY sending.number;

-- An outcome is booked: PAID posts the pending transfer of its order, FAILED voids it, RETURNED is a transfer of its own.
ALTER TABLE payment_outcome ADD CONSTRAINT payment_outcome_of_order
    FOREIGN KEY (order_ref, attempt) REFERENCES payment_order (order_ref, attempt);
ALTER TABLE payment_outcome ADD CONSTRAINT payment_outcome_after_paid
    FOREIGN KEY (order_ref, attempt, previous_status) REFERENCES payment_outcome (order_ref, attempt, status);
CREATE FUNCTION check_outcomes() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (added.order_ref, added.attempt)
        LEFT JOIN transfer ON transfer.number = added.transfer
        WHERE (transfer.amount_idr = ordered.amount_idr AND CASE added.status
                WHEN 'PAID' THEN transfer.settles = ordered.transfer AND transfer.stage = 'POSTED'
                WHEN 'FAILED' THEN transfer.settles = ordered.transfer AND transfer.stage = 'VOIDED'
                WHEN 'RETURNED' THEN transfer.code = 'return_incentive' AND transfer.stage = 'POSTED'
                     AND transfer.event = 'returned/' || added.order_ref || '/' || added.attempt
               END) IS NOT TRUE
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('an outcome is booked as what it is', 'payment_outcome_booked');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_outcomes AFTER INSERT ON payment_outcome
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_outcomes();

ALTER TABLE appropriation ADD CONSTRAINT appropriation_booked FOREIGN KEY (transfer) REFERENCES transfer (number);
ALTER TABLE bank_line ADD CONSTRAINT bank_line_of_file FOREIGN KEY (file_number) REFERENCES bank_file (number);
ALTER TABLE line_verdict ADD CONSTRAINT line_verdict_of_line
    FOREIGN KEY (file_number, line) REFERENCES bank_line (file_number, line);
ALTER TABLE line_verdict ADD CONSTRAINT line_verdict_of_order
    FOREIGN KEY (order_ref, attempt) REFERENCES payment_order (order_ref, attempt);
