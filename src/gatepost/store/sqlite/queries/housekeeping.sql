-- name: last_of_next_accounts
SELECT max(account_id), count(*)
FROM (
    SELECT account_id FROM account INDEXED BY account_that_expires
    WHERE expire_days > 0 AND account_id > ? ORDER BY account_id LIMIT ?
);

-- name: expired_messages
SELECT message.account_id, message.mailbox_id, uid
FROM account INDEXED BY account_that_expires
CROSS JOIN mailbox ON mailbox.account_id = account.account_id AND mailbox.name = 'INBOX'
CROSS JOIN message ON message.account_id = account.account_id AND message.mailbox_id = mailbox.mailbox_id
                  AND message.placed < ?1 - account.expire_days * 86400
WHERE account.expire_days > 0 AND account.account_id > ?3 AND account.account_id <= ?4 LIMIT ?2;

-- name: ended_holds
SELECT account_id, email_id, mailbox_id, uid, size FROM held WHERE until <= ? ORDER BY until LIMIT ?;

-- name: old_orphans
SELECT blob_id, (SELECT size FROM body WHERE body.blob_id = orphan.blob_id)
FROM orphan WHERE since <= ? ORDER BY since LIMIT ?;

-- name: body_needed
SELECT 1 FROM email WHERE blob_id = ?1
UNION ALL
SELECT 1 FROM email WHERE original_blob_id = ?1 AND original_blob_id <> 0
LIMIT 1;

-- name: remove_orphan
DELETE FROM orphan WHERE blob_id = ?;

-- name: old_uploads
SELECT upload_id FROM upload WHERE at <= ? ORDER BY at LIMIT ?;

-- name: old_delivered_once
DELETE FROM delivered_once
WHERE (account_id, key) IN (SELECT account_id, key FROM delivered_once WHERE at <= ? ORDER BY at LIMIT ?)
RETURNING 1;

-- name: old_journal
DELETE FROM deletion
WHERE number IN (SELECT number FROM (SELECT number, at FROM deletion ORDER BY number LIMIT ?2) WHERE at <= ?1)
RETURNING 1;

-- name: free_pages
PRAGMA freelist_count;

-- 256 pages are 2 MiB: each that goes may need another to be moved into its place.
-- name: give_back_pages
PRAGMA incremental_vacuum(256);
