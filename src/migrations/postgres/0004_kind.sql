-- What a session is for, so that the history can be filtered by it.
alter table tandem.session add column kind text not null default 'sync';
update tandem.session set kind = 'preview' where phase = 'previewed';
