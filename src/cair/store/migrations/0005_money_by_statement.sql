-- What was looked at row by row is looked at once for all rows of a statement, and means the same: half a million
-- orders are booked and settled in a few statements, and each of these checks is one join then.

-- Legs of a transfer sum to zero, and are those it says it has, when its transaction ends, whoever wrote them: a
-- statement that books leaves the range of its numbers, and that range is looked at as a whole at the end.
DROP TRIGGER check_balance ON transfer;
DROP FUNCTION check_balance();
CREATE FUNCTION note_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO booking (first, last) SELECT min(number), max(number) FROM added HAVING bool_or(settles IS NULL);
    RETURN NULL;
END
$$;
-- Its name puts it behind `check_transfers`: numbers are without gaps by then.
CREATE TRIGGER note_booking AFTER INSERT ON transfer
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_booking();
-- Both tables are read along their keys, whatever the statistics say of tables that have just grown.
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_nestloop = off SET enable_hashagg = off AS $$
DECLARE
    unbalanced bigint;
BEGIN
    EXECUTE $asked$
        SELECT held.number FROM transfer AS held LEFT JOIN (
            SELECT transfer, count(*) AS legs, sum(amount_idr) AS rest,
                   coalesce(sum(amount_idr) FILTER (WHERE amount_idr > 0), 0) AS debits
            FROM leg WHERE transfer BETWEEN $1 AND $2 GROUP BY transfer
        ) AS found ON found.transfer = held.number
        WHERE held.number BETWEEN $1 AND $2 AND held.settles IS NULL
          AND (found.rest = 0 AND found.legs = held.legs AND found.debits = held.amount_idr) IS NOT TRUE LIMIT 1
    $asked$ INTO unbalanced USING NEW.first, NEW.last;
    IF unbalanced IS NOT NULL THEN
        PERFORM refuse_money(format('transfer %s does not balance', unbalanced), 'transfer_balances');
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER check_balance AFTER INSERT ON booking DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION check_balance();

-- Rows that others name are never deleted nor renamed (`append_only`), so it is enough to look when a name is written.
-- That an outcome has its order is part of `check_outcomes`.
ALTER TABLE payment_outcome DROP CONSTRAINT payment_outcome_of_order;
ALTER TABLE bank_line DROP CONSTRAINT bank_line_of_file;
ALTER TABLE line_verdict DROP CONSTRAINT line_verdict_of_line;
ALTER TABLE line_verdict DROP CONSTRAINT line_verdict_of_order;
CREATE FUNCTION check_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT file_number FROM added) AS used
        LEFT JOIN bank_file ON bank_file.number = used.file_number WHERE bank_file.number IS NULL
    ) THEN
        PERFORM refuse_money('a line belongs to a file', 'bank_line_of_file');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_lines AFTER INSERT ON bank_line
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_lines();
CREATE FUNCTION check_verdicts() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
DECLARE
    is_any boolean;
BEGIN
    PERFORM plan_for((SELECT count(*) FROM added) > 1000);
    EXECUTE $asked$ SELECT EXISTS (
        SELECT FROM added LEFT JOIN bank_line AS said ON (said.file_number, said.line) = (added.file_number, added.line)
        WHERE said.line IS NULL
    ) $asked$ INTO is_any;
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
CREATE TRIGGER check_verdicts AFTER INSERT ON line_verdict
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_verdicts();
