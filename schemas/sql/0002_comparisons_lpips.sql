-- LPIPS of disputed pairs: evidence for people and for later policies. It has no say in a verdict.
alter table comparisons add column lpips double precision;   -- null: not asked for, or no model
alter table comparisons add column lpips_network text;       -- alex or squeeze
