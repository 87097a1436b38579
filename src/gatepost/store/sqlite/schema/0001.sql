-- Who is here.

CREATE TABLE domain (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    account_id       INTEGER PRIMARY KEY,
    login            TEXT    NOT NULL UNIQUE,
    enabled          INTEGER NOT NULL,
    quota            INTEGER NOT NULL,
    used             INTEGER NOT NULL,
    delete_policy    TEXT    NOT NULL,
    hold_days        INTEGER NOT NULL,
    expire_days      INTEGER NOT NULL,
    login_delay      INTEGER NOT NULL,
    soft_login_delay INTEGER NOT NULL,
    scram_salt       BLOB    NOT NULL,
    last_uidvalidity INTEGER NOT NULL
) STRICT;

-- Housekeeping asks only for these.
CREATE INDEX account_that_expires ON account (account_id) WHERE expire_days > 0;

CREATE TABLE address (
    address    TEXT    NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account,
    domain     TEXT    NOT NULL REFERENCES domain,
    PRIMARY KEY (address, account_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX address_of_account ON address (account_id);
CREATE INDEX address_of_domain ON address (domain);

CREATE TABLE credential (
    account_id    INTEGER NOT NULL REFERENCES account,
    name          TEXT    NOT NULL,
    credential_id INTEGER NOT NULL,
    kind          TEXT    NOT NULL,
    scope         TEXT    NOT NULL,
    hash          TEXT    NOT NULL,
    stored_key    BLOB    NOT NULL,
    server_key    BLOB    NOT NULL,
    created       INTEGER NOT NULL,
    last_used     INTEGER NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;

-- What they have.

CREATE TABLE mailbox (
    account_id    INTEGER NOT NULL REFERENCES account,
    mailbox_id    INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    uidvalidity   INTEGER NOT NULL,
    uidnext       INTEGER NOT NULL,
    highestmodseq INTEGER NOT NULL,
    messages      INTEGER NOT NULL,
    octets        INTEGER NOT NULL,
    unseen        INTEGER NOT NULL,
    PRIMARY KEY (account_id, mailbox_id),
    UNIQUE (account_id, name)
) STRICT, WITHOUT ROWID;

-- blob_id, size and ascii_size repeat what email says, so that a maildrop is one range scan.
CREATE TABLE message (
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    modseq     INTEGER NOT NULL,
    flags      INTEGER NOT NULL,
    keywords   TEXT    NOT NULL,
    email_id   INTEGER NOT NULL,
    blob_id    INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    uidl       TEXT,
    ascii_size INTEGER NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX message_of_email ON message (account_id, email_id);
CREATE INDEX message_received ON message (account_id, mailbox_id, received);
CREATE UNIQUE INDEX message_uidl ON message (account_id, mailbox_id, uidl) WHERE uidl IS NOT NULL;

CREATE TABLE expunged (
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    modseq     INTEGER NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE email (
    account_id       INTEGER NOT NULL,
    email_id         INTEGER NOT NULL,
    blob_id          INTEGER NOT NULL,
    size             INTEGER NOT NULL,
    received         INTEGER NOT NULL,
    header_octets    INTEGER NOT NULL,
    structure        BLOB    NOT NULL,
    preview          TEXT    NOT NULL,
    thread_id        INTEGER NOT NULL,
    ascii_size       INTEGER NOT NULL,
    line_ends        TEXT    NOT NULL,
    original_blob_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, email_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX email_of_thread ON email (account_id, thread_id);
-- Whether anybody still needs a body is looked up, never counted: a count can drift.
CREATE INDEX email_of_blob ON email (blob_id);
CREATE INDEX email_of_original ON email (original_blob_id) WHERE original_blob_id <> 0;

-- message_id is a 63-bit hash of the Message-ID.
CREATE TABLE thread (
    account_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    thread_id  INTEGER NOT NULL,
    PRIMARY KEY (account_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX thread_members ON thread (account_id, thread_id);

CREATE TABLE held (
    account_id INTEGER NOT NULL,
    email_id   INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    mailbox    TEXT    NOT NULL,
    uidl       TEXT    NOT NULL,
    flags      INTEGER NOT NULL,
    keywords   TEXT    NOT NULL,
    deleted    INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    PRIMARY KEY (account_id, email_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX held_until ON held (until);

CREATE TABLE deletion (
    number     INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    mailbox    TEXT    NOT NULL,
    uid        INTEGER NOT NULL,
    uidl       TEXT    NOT NULL,
    email_id   INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    credential TEXT    NOT NULL,
    address    TEXT    NOT NULL
) STRICT;

CREATE INDEX deletion_of_account ON deletion (account_id, number);

CREATE TABLE delivered_once (
    account_id INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    email_id   INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

-- Bodies, whoever they belong to. What is known about a body stands apart from its octets: SQLite rewrites
-- a whole row to change one column of it.

CREATE TABLE body (
    blob_id INTEGER PRIMARY KEY,
    sha256  BLOB    NOT NULL UNIQUE,
    size    INTEGER NOT NULL
) STRICT;

-- The first chunk: all there is of most messages, found with one look-up.
CREATE TABLE blob (
    blob_id INTEGER PRIMARY KEY,
    data    BLOB NOT NULL
) STRICT;

-- Chunks 1, 2, ...
CREATE TABLE blob_chunk (
    blob_id INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    PRIMARY KEY (blob_id, number)
) STRICT, WITHOUT ROWID;

-- Staged bodies: their chunks lie where they will stay, but they have no row in body yet.
CREATE TABLE upload (
    upload_id INTEGER PRIMARY KEY,
    blob_id   INTEGER NOT NULL UNIQUE,
    at        INTEGER NOT NULL
) STRICT;

CREATE INDEX upload_at ON upload (at);

-- Bodies that lost a reference, and when: housekeeping looks whether it was the last one.
CREATE TABLE orphan (
    blob_id INTEGER PRIMARY KEY,
    since   INTEGER NOT NULL
) STRICT;

CREATE INDEX orphan_since ON orphan (since);
