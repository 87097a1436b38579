-- What CAPA says before login is the strictest of all accounts (RFC 2449 §6.5, §6.7): found at the ends of these, however
-- many accounts there are. Housekeeping asks only for accounts that expire.
DROP INDEX account_that_expires;
CREATE INDEX account_that_expires ON account (expire_days) WHERE expire_days > 0;
CREATE INDEX account_that_delays ON account (login_delay) WHERE login_delay > 0;
