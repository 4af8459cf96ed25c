-- Keys, foreign keys, and the indexes that a shop's queries need.

alter table customers add primary key (id), add unique (email);
alter table products add primary key (id), add unique (sku);
alter table stock add primary key (product_id, branch);
alter table orders add primary key (id);
alter table order_items add primary key (order_id, line);
alter table payments add primary key (id), add unique (reference);

create index orders_by_customer on orders (customer_id);
create index orders_by_time on orders (placed_at);
create index order_items_by_product on order_items (product_id);
create index payments_by_order on payments (order_id);

alter table stock add foreign key (product_id) references products;
alter table orders add foreign key (customer_id) references customers;
alter table order_items
    add foreign key (order_id) references orders,
    add foreign key (product_id) references products;
alter table payments add foreign key (order_id) references orders;
