-- Answers to audits that others had answered before are no opinions. They were kept as if they were, and the index of one opinion an
-- owner refused what their owners rendered of the same units.
update results r set outcome = 'void'
 where r.audit is not null and r.outcome <> 'void' and not exists (select from audits a where a.lease = r.lease);

alter table assemblies
  add crashes integer not null default 0;    -- tries in which the program that finishes the frame crashed or took too long
