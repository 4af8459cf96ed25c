-- {k} times 1,100,000 rows, the same on every machine: what looks random is a hash of the row's number.

insert into customers
select n, 'customer' || n || '@' || substr(md5('mail' || n), 1, 6) || '.example',
    initcap(substr(md5('first' || n), 1, 7)) || ' ' || initcap(substr(md5('last' || n), 1, 10)),
    (array['Aberdeen', 'Bergen', 'Cork', 'Dundee', 'Esbjerg', 'Falmouth', 'Gdynia', 'Hamburg'])[1 + n % 8],
    '+44 ' || lpad(((hashint4(n) & 2147483647)::bigint * 97 % 10000000000)::text, 10, '0'),
    date '2015-01-01' + n % 3650
from generate_series(1, 100000 * {k}) as n;

insert into products
select n, 'SKU-' || lpad(n::text, 7, '0'), 'Product ' || substr(md5('title' || n), 1, 16),
    'Made of ' || md5('made' || n) || ', for ' || md5('for' || n) || '; care ' || md5('care' || n),
    (100 + hashint4(n)::bigint & 65535)::numeric / 100, n % 17 <> 0
from generate_series(1, 50000 * {k}) as n;

insert into stock
select 1 + (n - 1) % (50000 * {k}), 1 + (n - 1) / (50000 * {k}), (hashint4(n) & 1023),
    timestamptz '2026-01-01 00:00:00+00' + n * interval '37 seconds'
from generate_series(1, 100000 * {k}) as n;

insert into orders
select n, 1 + (hashint4(n) & 2147483647) % (100000 * {k}),
    timestamptz '2025-01-01 00:00:00+00' + n * interval '173 seconds',
    (array['new', 'paid', 'packed', 'sent', 'returned'])[1 + n % 5],
    (1 + n % 190) || ' ' || initcap(substr(md5('street' || n % 9973), 1, 12)) || ' Street, AB' || n % 89 || ' ' || substr(md5('post' || n), 1, 6),
    (1000 + hashint4(n + 7)::bigint & 1048575)::numeric / 100
from generate_series(1, 200000 * {k}) as n;

insert into order_items
select 1 + (n - 1) / 3, 1 + (n - 1) % 3, 1 + (hashint4(n + 13) & 2147483647) % (50000 * {k}),
    1 + n % 9, (100 + hashint4(n)::bigint & 65535)::numeric / 100,
    case when n % 2 = 0 then 'note ' || substr(md5('note' || n), 1, 24 + n % 8) end
from generate_series(1, 550000 * {k}) as n;

insert into payments
select n, 1 + (n::bigint * 7919) % (200000 * {k}), timestamptz '2025-01-02 00:00:00+00' + n * interval '347 seconds',
    (array['card', 'cash', 'transfer'])[1 + n % 3], (1000 + hashint4(n + 7)::bigint & 1048575)::numeric / 100,
    'PAY-' || md5('payment' || n)
from generate_series(1, 100000 * {k}) as n;
