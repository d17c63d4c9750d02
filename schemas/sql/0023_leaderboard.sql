-- The leaderboard reads the last days of the ledger, whose rows come in the order of time; the index of owners it would read whole.
create index ledger_by_time on ledger using brin (posted_at) with (autosummarize = on);
