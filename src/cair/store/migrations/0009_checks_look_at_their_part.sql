-- The checks of statements, each as before, looking only at the part of a table that the new rows can name: numbers of
-- transfers and files lie beside each other, so what a booking costs does not grow with all that was booked before it.

CREATE OR REPLACE FUNCTION check_legs() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; capped bigint; rest bigint; first_number bigint; last_number bigint;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    SELECT min(transfer), max(transfer) INTO first_number, last_number FROM added;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN transfer ON transfer.number = added.transfer AND transfer.number BETWEEN $1 AND $2
        WHERE (added.position <= transfer.legs) IS NOT TRUE
    ) $asked$ INTO is_any USING first_number, last_number;
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
            SELECT FROM added JOIN transfer ON transfer.number = added.transfer AND transfer.number BETWEEN $2 AND $3
            WHERE added.account = $1 AND transfer.stage <> 'POSTED'
        ) $asked$ INTO is_any USING capped, first_number, last_number;
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

CREATE OR REPLACE FUNCTION check_orders() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; first_number bigint; last_number bigint;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    SELECT min(transfer), max(transfer) INTO first_number, last_number FROM added;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN release_end AS ended ON ended.release = added.release AND ended.how = 'RUN'
        LEFT JOIN release_item AS item ON item.release = added.release AND item.position = added.position
        LEFT JOIN payee ON payee.partner = item.partner AND payee.account_ref_index = item.account_ref_index
             AND payee.card_number = item.card_number
        LEFT JOIN transfer ON transfer.number = added.transfer AND transfer.number BETWEEN $1 AND $2
        WHERE (ended.release IS NOT NULL AND payee.card_number IS NOT NULL
               AND transfer.stage = 'PENDING' AND transfer.code = 'pay_incentive'
               AND transfer.amount_idr = added.amount_idr
               AND (item.order_ref, item.attempt, item.card_number, item.benefit, item.line, item.partner, item.amount_idr)
                 = (added.order_ref, added.attempt, added.card_number, added.benefit, added.line, added.partner,
                    added.amount_idr)) IS NOT TRUE
    ) $asked$ INTO is_any USING first_number, last_number;
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

CREATE OR REPLACE FUNCTION check_outcomes() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; first_number bigint; last_number bigint;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    SELECT min(transfer), max(transfer) INTO first_number, last_number FROM added;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (added.order_ref, added.attempt)
        LEFT JOIN transfer ON transfer.number = added.transfer AND transfer.number BETWEEN $1 AND $2
        WHERE (transfer.amount_idr = ordered.amount_idr AND CASE added.status
                WHEN 'PAID' THEN transfer.settles = ordered.transfer AND transfer.stage = 'POSTED'
                WHEN 'FAILED' THEN transfer.settles = ordered.transfer AND transfer.stage = 'VOIDED'
                WHEN 'RETURNED' THEN transfer.code = 'return_incentive' AND transfer.stage = 'POSTED'
                     AND transfer.event = 'returned/' || added.order_ref || '/' || added.attempt
               END) IS NOT TRUE
    ) $asked$ INTO is_any USING first_number, last_number;
    IF is_any THEN
        PERFORM refuse_money('an outcome is booked as what it is', 'payment_outcome_booked');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION check_verdicts() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean; first_file bigint; last_file bigint;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    SELECT min(file_number), max(file_number) INTO first_file, last_file FROM added;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN bank_line AS said ON (said.file_number, said.line) = (added.file_number, added.line)
             AND said.file_number BETWEEN $1 AND $2
        WHERE said.line IS NULL
    ) $asked$ INTO is_any USING first_file, last_file;
    IF is_any THEN
        PERFORM refuse_money('a verdict is about a line', 'line_verdict_of_line');
    END IF;
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added
        LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (added.order_ref, added.attempt)
        WHERE added.order_ref IS NOT NULL AND added.attempt IS NOT NULL AND ordered.order_ref IS NULL
    ) $asked$ INTO is_any;
    IF is_any THEN
        PERFORM refuse_money('a verdict names an order that there is', 'line_verdict_of_order');
    END IF;
    RETURN NULL;
END
$$;
