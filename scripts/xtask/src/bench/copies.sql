-- What a careful administrator writes: COPY into temporary tables, then one upsert a table, in one transaction.
\set ON_ERROR_STOP on
begin;
create temporary table new_customers (like customers) on commit drop;
create temporary table new_products (like products) on commit drop;
create temporary table new_stock (like stock) on commit drop;
create temporary table new_orders (like orders) on commit drop;
create temporary table new_order_items (like order_items) on commit drop;
create temporary table new_payments (like payments) on commit drop;
\copy new_customers from program '{psql} -qAt {source} -c "copy customers to stdout"'
\copy new_products from program '{psql} -qAt {source} -c "copy products to stdout"'
\copy new_stock from program '{psql} -qAt {source} -c "copy stock to stdout"'
\copy new_orders from program '{psql} -qAt {source} -c "copy orders to stdout"'
\copy new_order_items from program '{psql} -qAt {source} -c "copy order_items to stdout"'
\copy new_payments from program '{psql} -qAt {source} -c "copy payments to stdout"'
insert into customers select * from new_customers on conflict (id) do update set email = excluded.email, name = excluded.name, city = excluded.city, phone = excluded.phone, joined_on = excluded.joined_on;
insert into products select * from new_products on conflict (id) do update set sku = excluded.sku, title = excluded.title, description = excluded.description, price = excluded.price, is_active = excluded.is_active;
insert into stock select * from new_stock on conflict (product_id, branch) do update set quantity = excluded.quantity, counted_at = excluded.counted_at;
insert into orders select * from new_orders on conflict (id) do update set customer_id = excluded.customer_id, placed_at = excluded.placed_at, status = excluded.status, ship_to = excluded.ship_to, total = excluded.total;
insert into order_items select * from new_order_items on conflict (order_id, line) do update set product_id = excluded.product_id, quantity = excluded.quantity, price = excluded.price, note = excluded.note;
insert into payments select * from new_payments on conflict (id) do update set order_id = excluded.order_id, paid_at = excluded.paid_at, method = excluded.method, amount = excluded.amount, reference = excluded.reference;
commit;
