-- name: add_domain
INSERT INTO domain (name) VALUES (?) ON CONFLICT DO NOTHING RETURNING 1;

-- name: has_domain
SELECT 1 FROM domain WHERE name = ?;

-- name: domain_in_use
SELECT count(*) FROM address WHERE domain = ?;

-- name: remove_domain
DELETE FROM domain WHERE name = ?;

-- name: has_account
SELECT login FROM account WHERE account_id = ?;

-- name: address_taken
SELECT 1 FROM address WHERE address = ?;

-- name: add_account
INSERT INTO account (account_id, login, enabled, quota, used, delete_policy, hold_days, expire_days, login_delay,
                     soft_login_delay, scram_salt, last_uidvalidity)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0);

-- name: update_account
UPDATE account SET enabled = ?, quota = ?, delete_policy = ?, hold_days = ?, expire_days = ?, login_delay = ?,
                   soft_login_delay = ?
WHERE account_id = ?;

-- name: add_address
INSERT INTO address (address, account_id, domain) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: remove_address
DELETE FROM address WHERE address = ? AND account_id = ? RETURNING 1;

-- name: set_credential
INSERT OR REPLACE INTO credential (credential_id, account_id, name, kind, scope, hash, stored_key, server_key,
                                   created, last_used)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0);

-- name: remove_credential
DELETE FROM credential WHERE account_id = ? AND name = ? RETURNING 1;

-- name: touch_credential
UPDATE credential SET last_used = max(last_used, ?) WHERE account_id = ? AND credential_id = ?;

-- name: last_id
SELECT max(
    (SELECT ifnull(max(account_id), 0) FROM account),
    (SELECT ifnull(max(mailbox_id), 0) FROM mailbox),
    (SELECT ifnull(max(blob_id), 0) FROM blob),
    (SELECT ifnull(max(newest), 0) FROM (
        -- For each account its last key: a scan of all emails would take minutes.
        SELECT (SELECT max(email_id) FROM email WHERE email.account_id = account.account_id) AS newest FROM account
    )),
    (SELECT ifnull(max(credential_id), 0) FROM credential)
);

-- name: orphan_all_of_account
INSERT INTO orphan (blob_id, since)
SELECT blob_id, ?2 FROM email WHERE account_id = ?1
UNION SELECT original_blob_id, ?2 FROM email WHERE account_id = ?1 AND original_blob_id <> 0
ON CONFLICT DO UPDATE SET since = excluded.since;

-- name: credential
SELECT credential_id, account_id, name, kind, scope, hash, stored_key, server_key, created, last_used
FROM credential WHERE account_id = ? AND name = ?;

-- name: remove_all_of_message
DELETE FROM message WHERE account_id = ?;

-- name: remove_all_of_expunged
DELETE FROM expunged WHERE account_id = ?;

-- name: remove_all_of_held
DELETE FROM held WHERE account_id = ?;

-- name: remove_all_of_email
DELETE FROM email WHERE account_id = ?;

-- name: remove_all_of_thread
DELETE FROM thread WHERE account_id = ?;

-- name: remove_all_of_delivered_once
DELETE FROM delivered_once WHERE account_id = ?;

-- name: remove_all_of_deletion
DELETE FROM deletion WHERE account_id = ?;

-- name: remove_all_of_mailbox
DELETE FROM mailbox WHERE account_id = ?;

-- name: remove_all_of_credential
DELETE FROM credential WHERE account_id = ?;

-- name: remove_all_of_address
DELETE FROM address WHERE account_id = ?;

-- name: remove_all_of_account
DELETE FROM account WHERE account_id = ?;
