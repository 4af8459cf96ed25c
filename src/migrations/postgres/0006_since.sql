-- The oldest transaction that was running when a sync had written: whatever was written after it has this number or a
-- later one.
alter table tandem.undo add column since text;
update tandem.undo set since = (transaction % 4294967296)::text;
alter table tandem.undo alter column since set not null;
