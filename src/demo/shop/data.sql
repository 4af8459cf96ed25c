-- Rows for the sample shop: the same on every machine, at any time. What looks random is picked by a hash of the row's
-- number; nothing here asks for the time or for a random value.

begin;
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local search_path = public, pg_catalog;

-- A number from 0 to n - 1 that depends on the row and on what it is for.
create function pg_temp.pick(row_number bigint, purpose bigint, n integer) returns integer
language sql immutable as $$
    select ('x' || left(md5(row_number || '/' || purpose), 7))::bit(28)::integer % n
$$;

create function pg_temp.one_of(words text[], row_number bigint, purpose bigint) returns text
language sql immutable as $$
    select words[1 + pg_temp.pick(row_number, purpose, cardinality(words))]
$$;

create temporary table words on commit drop as select
    '{Anna,Ben,Chloé,David,Elif,Finn,Grace,Hugo,Inés,Jakub,Kenji,Lena,Mateo,Noor,Olga,Paul,Quinn,Rosa,Søren,Tara,Umar,Vera,William,Ximena,Yusuf,Zoë,Łukasz,Marguerite,太郎}'::text[] as first_names,
    '{Andersen,Bauer,Costa,Dubois,Evans,Fischer,García,Haddad,Ivanova,Jensen,Kowalski,Lindqvist,Müller,Nakamura,Okafor,Petrov,Quist,Rossi,Schmidt,Taylor,Ueda,Vargas,Weber,Xu,Yılmaz,Zimmermann,"O''Brien","van der Berg",Saint-Pierre,Þórsdóttir}'::text[] as last_names,
    '{"Harbour Street","Mill Lane","Station Road","Church Hill","Garden Row","King''s Parade","Linden Avenue","Orchard Close","Canal Side","Market Square"}'::text[] as streets,
    '{Bristol,Lyon,Utrecht,Porto,Gdańsk,Bergen,Trieste,Graz,Cork,Malmö,Leipzig,Bilbao}'::text[] as cities,
    '{Roasted,Organic,Classic,Winter,Travel,Handmade,Folding,Linen,Smoked,Midnight,Little,Grand}'::text[] as qualities,
    '{"Coffee Beans",Notebook,Teapot,Lantern,"Hiking Socks",Blanket,"Fountain Pen",Chocolate,"Rain Jacket",Puzzle,"Desk Lamp",Candle,"Bread Knife",Backpack,Honey,"Wool Scarf","Sketch Book","Travel Mug"}'::text[] as things;

insert into businesses (id, code, name, currency, is_demo, opened_on) values
    (1, 'HARBOUR', 'Harbour Coffee Roasters', 'EUR', false, '2012-04-02'),
    (2, 'ALDER', 'Alder & Finch Books', 'GBP', false, '1998-09-14'),
    (3, 'NORDLYS', 'Nordlys Friluft', 'NOK', false, '2016-01-11'),
    (4, 'PIKE', 'Pike Street Hardware', 'USD', false, '1974-06-03'),
    (5, 'SAKURA', '桜 Stationery', 'JPY', false, '2019-03-25'),
    (6, 'MERCATO', 'Mercato dell''Orto', 'EUR', false, '2008-11-20'),
    (7, 'DEMOCAFE', 'Demo Café', 'EUR', true, '2024-01-01'),
    (8, 'DEMOSHOP', 'Demo Shop "Training"', 'USD', true, '2024-01-01');

insert into branches (id, business_id, name, city)
select b, (b - 1) / 3 + 1, city || ' ' || (array['Centre', 'Station', 'Outlet'])[(b - 1) % 3 + 1], city
from words, generate_series(1, 24) as b, lateral (select pg_temp.one_of(cities, b, 1) as city) as place;

-- Employee 1 of each branch manages it, and reports to the first manager of the business.
insert into employees (id, business_id, branch_id, reports_to, full_name, email, hired_on, left_on, hourly_rate)
select e, (branch - 1) / 3 + 1, branch,
       case when seat > 1 then (branch - 1) * 7 + 1 when (branch - 1) % 3 > 0 then (branch - 1) / 3 * 21 + 1 end,
       pg_temp.one_of(first_names, e, 2) || ' ' || pg_temp.one_of(last_names, e, 3),
       'staff' || e || '@' || lower((select code from businesses where id = (branch - 1) / 3 + 1)) || '.example',
       date '2015-01-05' + pg_temp.pick(e, 4, 2900),
       case when e % 13 = 0 then date '2024-02-01' + pg_temp.pick(e, 5, 500) end,
       13 + pg_temp.pick(e, 6, 2200) / 100.0 + case when seat = 1 then 15 else 0 end
from words, generate_series(1, 168) as e,
     lateral (select (e - 1) / 7 + 1 as branch, (e - 1) % 7 + 1 as seat) as place;

update branches set manager_id = (id - 1) * 7 + 1;

insert into shifts (employee_id, worked, break_time)
select e, tstzrange(start, start + interval '8 hours'), (15 * (1 + (e + d) % 3)) * interval '1 minute'
from generate_series(1, 168) as e, generate_series(0, 5) as d,
     lateral (select timestamptz '2025-03-03 06:00+00' + d * interval '1 day' + (e % 3) * interval '4 hours' as start) as day;

insert into payroll.runs (id, business_id, month, closed_at)
select (b - 1) * 12 + m, b, make_date(2024, m, 1),
       case when m < 12 then make_timestamptz(2024, m, 28, 16, b, 30.25 + m, 'UTC') end
from generate_series(1, 8) as b, generate_series(1, 12) as m;

insert into payroll.lines (run_id, employee_id, hours, gross, tax)
select r.id, e.id, worked.hours, round(worked.hours * e.hourly_rate, 2),
       round(worked.hours * e.hourly_rate * (18 + e.id % 14) / 100, 2)
from payroll.runs r
join employees e on e.business_id = r.business_id
cross join lateral (select 120 + pg_temp.pick(e.id * 13 + r.id, 7, 5200) / 100.0 as hours) as worked;

insert into customers (id, business_id, full_name, email, phone, notes, created_at, updated_at)
select c, 1 + pg_temp.pick(c, 8, 8),
       pg_temp.one_of(first_names, c, 9) || ' ' || pg_temp.one_of(last_names, c, 10),
       case when c % 17 > 0 then 'customer' || c || '@mail.example' end,
       case when c % 5 > 0 then '+44 20 ' || to_char(pg_temp.pick(c, 11, 9999999), 'FM0000000') end,
       case c % 40 when 0 then '' when 1 then E'Prefers calls.\nNot before 10.' when 2 then E'tab\there, \\N is not null'
                   when 3 then 'says "hello; goodbye", always' when 4 then 'naïve café – 5 € 👍' end,
       created, created + pg_temp.pick(c, 13, 400) * interval '1 day'
from words, generate_series(1, 2400) as c,
     lateral (select timestamptz '2022-02-01 08:00+00' + pg_temp.pick(c, 12, 900) * interval '1 day'
                     + c * interval '61.000417 seconds' as created) as at;

insert into addresses (id, customer_id, kind, street, postcode, city, location)
select a, 1 + (a - 1) % 2400, case when a <= 2400 then 'billing' else 'delivery' end,
       (1 + pg_temp.pick(a, 14, 180)) || ' ' || pg_temp.one_of(streets, a, 15),
       to_char(pg_temp.pick(a, 16, 99999), 'FM00000'), pg_temp.one_of(cities, a, 17),
       case when a % 4 > 0 then point(40 + pg_temp.pick(a, 18, 200000) / 10000.0, pg_temp.pick(a, 19, 200000) / 9999.0) end
from words, generate_series(1, 3000) as a;

insert into suppliers (id, business_id, name, contact)
select s, (s - 1) / 8 + 1, pg_temp.one_of(last_names, s, 20) || ' & ' || (array['Sons', 'Daughters', 'Co.', 'Partners'])[1 + s % 4],
       jsonb_build_object('email', 'sales' || s || '@supplier.example', 'days', 2 + s % 12, 'contract', null,
                          'terms', jsonb_build_array('net ' || 10 * (1 + s % 6), s % 2 = 0, s * 1.50))
from words, generate_series(1, 64) as s;

-- Each business: one root, four departments, ten shelves.
insert into categories (id, parent_id, business_id, name)
select (b - 1) * 15 + c, case when c = 1 then null when c <= 5 then (b - 1) * 15 + 1 else (b - 1) * 15 + 2 + c % 4 end,
       b, (array['Everything', 'Kitchen', 'Outdoor', 'Paper', 'Gifts', 'Mugs', 'Tents', 'Cards', 'Candles', 'Pans',
                 'Boots', 'Books', 'Games', 'Knives', 'Lamps'])[c]
from generate_series(1, 8) as b, generate_series(1, 15) as c;

insert into "TaxRates" ("Code", "Display Name", "percent")
select code || '-' || rate, code || ' ' || rate, percent
from (values ('EU'), ('UK'), ('NO'), ('US'), ('JP')) as country (code),
     (values ('full', 20.00), ('reduced', 7.50), ('zero', 0.00)) as kind (rate, percent);

insert into products (id, business_id, category_id, supplier_id, tax_code, sku, name, price, cost, weight_kg, is_active, updated_at)
select p, b, (b - 1) * 15 + 6 + pg_temp.pick(p, 21, 10), case when p % 9 > 0 then (b - 1) * 8 + 1 + pg_temp.pick(p, 22, 8) end,
       (array['EU', 'UK', 'NO', 'US', 'JP', 'EU', 'EU', 'US'])[b] || '-' || (array['full', 'reduced', 'zero'])[1 + p % 3],
       to_char((p - 1) % 200 + 1, 'FM"SKU-"0000'),
       pg_temp.one_of(qualities, p, 23) || ' ' || pg_temp.one_of(things, p, 24),
       cost + 1 + pg_temp.pick(p, 25, 4000) / 100.0, cost,
       case when p % 7 > 0 then pg_temp.pick(p, 26, 12000) / 997.0 when p % 2 = 0 then 'NaN' end,
       p % 23 > 0, timestamptz '2025-01-15 12:00+00' - pg_temp.pick(p, 27, 20000) * interval '1 minute'
from words, generate_series(1, 1600) as p,
     lateral (select (p - 1) / 200 + 1 as b, pg_temp.pick(p, 28, 9000) / 100.0 as cost) as its;

insert into product_tags (product_id, tags)
select p, case p % 5 when 0 then '{}' when 1 then array['new'] when 2 then array['gift', 'under 20']
               when 3 then array['a "quoted" tag', null, 'back\slash'] else array['sale', 'last, chance', ''] end
from generate_series(1, 1600) as p;

insert into prices (product_id, currency, amount, valid)
select p.id, currency, round(p.price * rate, 2), daterange(date '2025-01-01', case when p.id % 3 = 0 then null else date '2026-01-01' end)
from products p, (values ('EUR', 1.00), ('USD', 1.08)) as exchange (currency, rate)
where p.id % 4 > 0 or currency = 'EUR';

insert into price_history (product_id, changed_at, old_price, new_price)
select p.id, p.updated_at - step * interval '90 days', round(p.price * (100 - 4 * step) / 100, 2), round(p.price * (104 - 4 * step) / 100, 2)
from products p, generate_series(1, 2) as step
where p.id % 3 > 0 or step = 1;

insert into stock_levels (branch_id, product_id, quantity, counted_on)
select br.id, p.id, pg_temp.pick(p.id * 31 + br.id, 29, 240) - 4, case when p.id % 6 > 0 then date '2025-02-28' - pg_temp.pick(p.id + br.id, 30, 60) end
from branches br
join products p on p.business_id = br.business_id;

insert into stock_movements (branch_id, product_id, quantity, reason, moved_at)
select (b - 1) * 3 + 1 + pg_temp.pick(m, 32, 3), (b - 1) * 200 + 1 + pg_temp.pick(m, 33, 200),
       case when m % 3 = 0 then -1 - pg_temp.pick(m, 34, 8) else 1 + pg_temp.pick(m, 35, 40) end,
       (array['sale', 'delivery', 'count', 'damaged', 'transfer'])[1 + pg_temp.pick(m, 36, 5)],
       timestamp '2024-06-01 07:30' + m * interval '97.125 minutes'
from generate_series(1, 4200) as m, lateral (select 1 + pg_temp.pick(m, 31, 8) as b) as its;

insert into promotions (id, business_id, code, percent_off, running, weekdays)
select n, (n - 1) / 5 + 1, (array['SPRING', 'BIRTHDAY', 'CLEAROUT', 'FRIENDS', 'NIGHT'])[(n - 1) % 5 + 1] || 10 + n, 5 + 5 * (n % 9),
       daterange(date '2024-03-01' + n * 7, date '2024-03-15' + n * 9, '[]'), case when n % 4 = 0 then '{6,7}'::smallint[] else '{1,2,3,4,5}' end
from generate_series(1, 40) as n;

insert into orders (id, business_id, branch_id, customer_id, promotion_id, status, placed_at, updated_at)
select o, c.business_id, (c.business_id - 1) * 3 + 1 + pg_temp.pick(o, 38, 3), case when o % 11 > 0 then c.id end,
       case when o % 8 = 0 then (c.business_id - 1) * 5 + 1 + pg_temp.pick(o, 39, 5) end,
       (enum_range(null::order_status))[1 + case when o % 10 < 6 then 4 else pg_temp.pick(o, 40, 6) end],
       at.placed, at.placed + pg_temp.pick(o, 41, 10000) * interval '1 minute'
from generate_series(1, 4300) as o
cross join lateral (select 1 + pg_temp.pick(o, 37, 2400) as customer, timestamptz '2023-01-02 09:00+00' + o * interval '5.5 hours' as placed) as at
join customers c on c.id = at.customer;

insert into order_items (order_id, line, product_id, quantity, unit_price)
select o.id, line, p.id, 1 + pg_temp.pick(o.id * 5 + line, 42, 6), p.price
from orders o
cross join lateral generate_series(1, 1 + pg_temp.pick(o.id, 43, 4)) as line
join products p on p.id = (o.business_id - 1) * 200 + 1 + pg_temp.pick(o.id * 7 + line, 44, 200);

insert into payments (id, order_id, method, amount, paid_at)
select t.id, t.id, (array['card', 'cash', 'transfer', 'gift card'])[1 + pg_temp.pick(t.id, 45, 4)], t.total,
       t.placed_at + pg_temp.pick(t.id, 46, 3000) * interval '1 minute'
from order_totals t
where t.status in ('paid', 'shipped', 'delivered');

insert into invoices (number, order_id, issued_on, due_on, total)
select 10000 + row_number() over (order by t.id), t.id, t.placed_at::date, t.placed_at::date + 14 + (t.id % 3)::integer * 8, t.total
from order_totals t
where t.status in ('shipped', 'delivered');

insert into returns (id, order_id, line, quantity, reason, received_on)
select row_number() over (order by i.order_id, i.line), i.order_id, i.line, 1,
       (array['too small', 'broken', 'changed my mind', 'wrong colour'])[1 + pg_temp.pick(i.order_id, 47, 4)],
       o.placed_at::date + 3 + pg_temp.pick(i.order_id, 48, 20)
from order_items i
join orders o on o.id = i.order_id
where o.status = 'delivered' and (i.order_id * 3 + i.line) % 29 = 0;

insert into gift_cards (id, business_id, code, balance, expires_on)
select md5('gift card ' || g)::uuid, 1 + g % 8, upper(substr(md5('code ' || g), 1, 12)), pg_temp.pick(g, 49, 10000) / 100.0,
       case when g % 10 = 0 then 'infinity' else date '2026-01-01' + g end
from generate_series(1, 400) as g;

insert into loyalty_points (customer_id, earned_on, points)
select c.id, date '2024-01-31' + month * 30, (pg_temp.pick(c.id * 3 + month, 50, 5000) / 7.0)::real
from customers c, generate_series(0, 2) as month
where c.id % 3 > 0 and (c.id + month) % 4 > 0;

insert into settings (business_id, name, value)
select b.id, setting.name, setting.value
from businesses b,
     (values ('opening hours', '{"mon": ["09:00", "18:00"], "sun": null}'::jsonb), ('vat id', '"EU 123 456 789"'),
             ('receipt footer', '"Thank you!\nCome again."'), ('loyalty factor', '1.50'), ('beta features', '[]'),
             ('theme', '{"dark": true, "accent": "#0f766e"}')) as setting (name, value);

-- Documents of 0 to 4 kB that hold every byte value.
insert into documents (id, business_id, title, content)
select d, 1 + d % 8, 'Contract ' || d || '.pdf',
       decode(coalesce((select string_agg(md5(d || '/' || part), '' order by part) from generate_series(1, d * 2) as part), ''), 'hex')
from generate_series(0, 119) as d;

insert into audit_log (number, business_id, happened_at, actor, action, details)
select n, nullif(pg_temp.pick(n, 51, 9), 0), timestamptz '2025-01-01 00:00+00' + n * interval '23.5 minutes',
       case when n % 6 > 0 then 'staff' || 1 + pg_temp.pick(n, 52, 168) end,
       (array['login', 'price changed', 'order cancelled', 'export', 'stock counted'])[1 + pg_temp.pick(n, 53, 5)],
       case when n % 3 > 0 then ('{"ip":  "10.0.' || n % 8 || '.' || pg_temp.pick(n, 54, 250) || '", "ok": ' || (n % 10 > 0)::text || ', "ok": true}')::json end
from generate_series(1, 3600) as n;

-- The rows brought their own numbers; whoever inserts next continues after them.
select setval(pg_get_serial_sequence(name, 'id'), greatest)
from (select 'public.businesses' as name, max(id)::bigint as greatest from businesses
      union all select 'public.branches', max(id) from branches
      union all select 'public.employees', max(id) from employees
      union all select 'payroll.runs', max(id) from payroll.runs
      union all select 'public.customers', max(id) from customers
      union all select 'public.addresses', max(id) from addresses
      union all select 'public.suppliers', max(id) from suppliers
      union all select 'public.categories', max(id) from categories
      union all select 'public.products', max(id) from products
      union all select 'public.promotions', max(id) from promotions
      union all select 'public.orders', max(id) from orders
      union all select 'public.returns', max(id) from returns
      union all select 'public.documents', max(id) from documents) as numbered;
select setval('invoice_numbers', (select max(number) from invoices));
select setval(pg_get_serial_sequence('public.audit_log', 'number'), (select max(number) from audit_log));

commit;
