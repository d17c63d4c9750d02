-- Every sitting reads the results of its units. Since 0022 the index on them left out those of trusted hardware, so no question
-- about all results of a unit could use it, and each read the whole table: a third of PostgreSQL's time after 12,000 units,
-- and more with each. It holds all again: a volunteer's by owner, of which one counts; trusted hardware's each for itself.
drop index results_one_per_owner;
create unique index results_one_per_owner on results (unit, (case when trusted then lease else owner end)) where outcome <> 'void';
