-- name: domains
SELECT name FROM domain ORDER BY name;

-- name: account
SELECT account_id, login, enabled, quota, used, delete_policy, hold_days, expire_days, login_delay,
       soft_login_delay, scram_salt
FROM account WHERE account_id = ?;

-- name: account_by_login
-- Or the next one, behind the last one the first: one row is read for each name.
SELECT * FROM (
    SELECT account_id, login, enabled, quota, used, delete_policy, hold_days, expire_days, login_delay,
           soft_login_delay, scram_salt
    FROM account WHERE login >= ? ORDER BY login LIMIT 1
)
UNION ALL
SELECT * FROM (
    SELECT account_id, login, enabled, quota, used, delete_policy, hold_days, expire_days, login_delay,
           soft_login_delay, scram_salt
    FROM account WHERE login > '' ORDER BY login LIMIT 1
)
LIMIT 1;

-- name: accounts
SELECT account_id, login, enabled, quota, used, delete_policy, hold_days, expire_days, login_delay,
       soft_login_delay, scram_salt
FROM account WHERE login > ? ORDER BY login LIMIT ?;

-- name: strictest
SELECT ifnull((SELECT max(login_delay) FROM account WHERE login_delay > 0), 0),
       ifnull((SELECT min(expire_days) FROM account WHERE expire_days > 0), 0);

-- name: credentials
SELECT credential_id, account_id, name, kind, scope, hash, stored_key, server_key, created, last_used
FROM credential WHERE account_id = ? ORDER BY name;

-- name: some_credentials
-- Always `most` rows, if there are as many: what an account does not have, its neighbours fill. The signs before ?3 keep
-- SQLite from making the statement anew for each value of it (SQLITE_STMTSTATUS_REPREPARE).
SELECT * FROM (
    SELECT credential_id, account_id, name, kind, scope, hash, stored_key, server_key, created, last_used
    FROM credential WHERE account_id = ?1 AND name = ?2
)
UNION ALL
SELECT * FROM (
    SELECT credential_id, account_id, name, kind, scope, hash, stored_key, server_key, created, last_used
    FROM credential WHERE account_id >= ?1 AND NOT (account_id = ?1 AND name = ?2)
    ORDER BY account_id, name LIMIT +?3
)
UNION ALL
SELECT * FROM (
    SELECT credential_id, account_id, name, kind, scope, hash, stored_key, server_key, created, last_used
    FROM credential WHERE account_id <> ?1 ORDER BY account_id, name LIMIT +?3
)
LIMIT +?3;

-- name: addresses
SELECT address.address
FROM address JOIN account USING (account_id)
WHERE address.account_id = ? ORDER BY address.address <> account.login, address.address;

-- name: route
SELECT account_id FROM address WHERE address = ? ORDER BY account_id;

-- name: mailboxes
SELECT mailbox_id, account_id, name, uidvalidity, uidnext, highestmodseq, messages, octets, unseen
FROM mailbox WHERE account_id = ? ORDER BY name;

-- name: mailbox
SELECT mailbox_id, account_id, name, uidvalidity, uidnext, highestmodseq, messages, octets, unseen
FROM mailbox WHERE account_id = ? AND name = ?;

-- name: mailbox_exists
SELECT 1 FROM mailbox WHERE account_id = ? AND mailbox_id = ?;

-- name: maildrop_head
SELECT mailbox_id, uidvalidity, uidnext, messages, highestmodseq FROM mailbox WHERE account_id = ? AND name = ?;

-- name: maildrop
SELECT uid, size, blob_id, uidl, ascii_size
FROM message WHERE account_id = ? AND mailbox_id = ? AND uid > ? AND uid < ? ORDER BY uid LIMIT ?;

-- name: messages
SELECT uid, modseq, flags, keywords, email_id, blob_id, size, received, uidl
FROM message WHERE account_id = ? AND mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ?;

-- name: email
SELECT email_id, account_id, blob_id, body.sha256, email.size, received, header_octets, structure, thread_id,
       ascii_size, line_ends, original_blob_id
FROM email JOIN body USING (blob_id) WHERE account_id = ? AND email_id = ?;

-- name: first_chunk
SELECT data FROM blob WHERE blob_id = ?;

-- name: body
SELECT sha256, size FROM body WHERE blob_id = ?;

-- name: chunk
SELECT data FROM blob_chunk WHERE blob_id = ? AND number = ?;

-- name: body_size
SELECT size FROM body WHERE blob_id = ?;

-- name: held
SELECT held.email_id, held.mailbox, held.uidl, held.deleted, held.until, held.size, email.preview
FROM held JOIN email USING (account_id, email_id)
WHERE held.account_id = ? ORDER BY held.deleted DESC, held.email_id DESC, held.uid DESC;

-- name: deletions
SELECT at, account_id, mailbox, uid, uidl, email_id, action, credential, address
FROM deletion WHERE account_id = ? ORDER BY number DESC LIMIT ?;
