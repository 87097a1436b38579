-- name: charge
UPDATE account SET used = used + ?2 WHERE account_id = ?1 AND (quota = 0 OR used + ?2 <= quota) RETURNING 1;

-- name: quota
SELECT login, quota, used FROM account WHERE account_id = ?;

-- name: refund
UPDATE account SET used = used - ?2 WHERE account_id = ?1;

-- name: next_uidvalidity
UPDATE account SET last_uidvalidity = max(?2, last_uidvalidity + 1) WHERE account_id = ?1 RETURNING last_uidvalidity;

-- name: add_mailbox
INSERT INTO mailbox (account_id, mailbox_id, name, uidvalidity, uidnext, highestmodseq, messages, octets, unseen)
VALUES (?, ?, ?, ?, 1, ?, 0, 0, 0);

-- name: mailbox_by_id
SELECT mailbox_id, account_id, name, uidvalidity, uidnext, highestmodseq, messages, octets, unseen
FROM mailbox WHERE account_id = ? AND mailbox_id = ?;

-- name: mailbox_by_name
SELECT mailbox_id, account_id, name, uidvalidity, uidnext, highestmodseq, messages, octets, unseen
FROM mailbox WHERE account_id = ? AND name = ?;

-- name: grow_mailbox
UPDATE mailbox SET uidnext = uidnext + 1, highestmodseq = highestmodseq + 1, messages = messages + 1,
                   octets = octets + ?3, unseen = unseen + ?4
WHERE account_id = ?1 AND name = ?2
RETURNING mailbox_id, uidvalidity, uidnext - 1, highestmodseq;

-- name: add_message
INSERT INTO message (account_id, mailbox_id, uid, modseq, flags, keywords, email_id, blob_id, size, received, uidl,
                     ascii_size, placed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: uidl_taken
SELECT 1 FROM message WHERE account_id = ? AND mailbox_id = ? AND uidl = ?;

-- name: uid_with_derived_uidl
SELECT 1 FROM message WHERE account_id = ? AND mailbox_id = ? AND uid = ? AND uidl IS NULL;

-- name: add_email
INSERT INTO email (account_id, email_id, blob_id, size, received, header_octets, structure, preview, thread_id,
                   ascii_size, line_ends, original_blob_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: thread
SELECT thread_id FROM thread WHERE account_id = ? AND message_id = ?;

-- name: add_thread
INSERT INTO thread (account_id, message_id, thread_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: delivered_once
SELECT mailbox_id, uid, email_id, at FROM delivered_once WHERE account_id = ? AND key = ?;

-- name: add_delivered_once
INSERT OR REPLACE INTO delivered_once (account_id, key, mailbox_id, uid, email_id, at) VALUES (?, ?, ?, ?, ?, ?);

-- name: renew_delivered_once
UPDATE delivered_once SET at = ?3 WHERE account_id = ?1 AND key = ?2;

-- name: body_by_hash
SELECT blob_id FROM body WHERE sha256 = ? AND size = ?;

-- name: add_body
INSERT INTO body (blob_id, sha256, size) VALUES (?, ?, ?);

-- name: put_first_chunk
INSERT OR REPLACE INTO blob (blob_id, data) VALUES (?, ?);

-- name: put_chunk
INSERT OR REPLACE INTO blob_chunk (blob_id, number, data) VALUES (?, ?, ?);

-- name: upload
SELECT blob_id FROM upload WHERE upload_id = ?;

-- name: add_upload
INSERT INTO upload (upload_id, blob_id, at) VALUES (?, ?, ?);

-- name: remove_upload
DELETE FROM upload WHERE upload_id = ?;

-- name: remove_body
DELETE FROM body WHERE blob_id = ?;

-- name: remove_first_chunk
DELETE FROM blob WHERE blob_id = ?;

-- name: move_first_chunk
UPDATE blob SET blob_id = ?2 WHERE blob_id = ?1;

-- name: move_chunks
UPDATE blob_chunk SET blob_id = ?2 WHERE blob_id = ?1;

-- name: remove_chunks
DELETE FROM blob_chunk WHERE blob_id = ?;

-- name: flags
SELECT flags FROM message WHERE account_id = ? AND mailbox_id = ? AND uid = ?;

-- name: set_flags
UPDATE message SET flags = ?4, modseq = ?5 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3;

-- name: flags_changed
UPDATE mailbox SET highestmodseq = ?3, unseen = unseen + ?4 WHERE account_id = ?1 AND mailbox_id = ?2;

-- name: newest_held
SELECT mailbox_id, uid, mailbox, uidl, flags, keywords
FROM held WHERE account_id = ? AND email_id = ? ORDER BY deleted DESC, uid DESC LIMIT 1;

-- name: remove_held
DELETE FROM held WHERE account_id = ? AND email_id = ? AND mailbox_id = ? AND uid = ?;

-- name: newest_copy
-- Without the hint SQLite reads all messages of the account, to have them in this order.
SELECT message.mailbox_id, uid, ifnull(uidl, derived_uidl(uidvalidity, uid)), flags, keywords
FROM message INDEXED BY message_of_email JOIN mailbox USING (account_id, mailbox_id)
WHERE account_id = ?1 AND email_id = ?2 AND (?3 = '' OR mailbox.name = ?3)
ORDER BY mailbox_id, uid DESC LIMIT 1;

-- name: email_parts
SELECT blob_id, size, received, ascii_size FROM email WHERE account_id = ? AND email_id = ?;
