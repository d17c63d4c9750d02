-- Credit by double entry: what an owner earns is taken from the job, what is taken back returns to it.

create table ledger (
  lease text not null references results,
  kind text not null check (kind in ('earned', 'reversed')),
  account text not null check (account in ('owner', 'job')),
  owner text not null references owners,
  job text not null references jobs,
  amount_ms bigint not null,                         -- render milliseconds
  posted_at timestamptz not null default clock_timestamp(),
  primary key (lease, kind, account)
);
comment on table ledger is 'writer: verifier. Only added to; each result earns once and is reversed once, and every posting sums up to zero.';
create index ledger_by_owner on ledger (owner) where account = 'owner';
create index ledger_by_job on ledger (job);

insert into ledger (lease, kind, account, owner, job, amount_ms, posted_at)
select c.lease, 'earned', x.account, c.owner, c.job, x.sign * round(c.amount * 1000)::bigint, c.earned_at
  from credit c, (values ('owner', 1), ('job', -1)) x(account, sign);
drop table credit;

create function ledger_balances() returns trigger language plpgsql as $$
begin
  if exists (select from added group by lease, kind having sum(amount_ms) <> 0 or count(*) <> 2) then
    raise check_violation using message = 'a posting of the ledger does not sum up to zero';
  end if;
  -- Both rows of a posting come in one statement, and a reversal takes back what was earned.
  if exists (select from added a left join ledger e on e.lease = a.lease and e.account = a.account and e.kind = 'earned'
              where a.kind = 'reversed' and e.amount_ms is distinct from -a.amount_ms) then
    raise check_violation using message = 'a reversal of the ledger is not of what was earned';
  end if;
  return null;
end $$;
create trigger ledger_balances after insert on ledger referencing new table as added
  for each statement execute function ledger_balances();

create function ledger_is_final() returns trigger language plpgsql as $$
begin
  raise check_violation using message = 'the ledger is only added to';
end $$;
create trigger ledger_is_final before update or delete or truncate on ledger
  for each statement execute function ledger_is_final();

create view credit as
  select e.lease, e.owner, e.job, e.amount_ms / 1000.0::double precision as amount, e.posted_at as earned_at
    from ledger e
   where e.kind = 'earned' and e.account = 'owner'
     and not exists (select from ledger r where r.lease = e.lease and r.kind = 'reversed');
comment on view credit is 'What accepted work earned and was not taken back, once per result; in render seconds.';
