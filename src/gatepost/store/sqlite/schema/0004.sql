-- The sizes of messages count the line end that readers put behind a last line without one (RFC 1939 §5): LIST, STAT and
-- what RETR sends agree. What is there already is measured by gatepost.store.sqlite.sizes, which runs behind this.
-- Who knows sizes (a session that lasts, a client that keeps them) may see them change by 2 once; UIDs and UIDLs do not.
UPDATE mailbox SET highestmodseq = highestmodseq + 1 WHERE messages > 0;
