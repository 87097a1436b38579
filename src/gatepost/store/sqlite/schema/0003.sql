-- What CAPA says before login is the strictest of all accounts (RFC 2449 §6.5, §6.7): found at the ends of these, however
-- many accounts there are.
CREATE INDEX account_by_expiry ON account (expire_days) WHERE expire_days > 0;
CREATE INDEX account_by_login_delay ON account (login_delay) WHERE login_delay > 0;
