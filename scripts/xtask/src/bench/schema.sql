-- Six related tables as a shop has them: keys, foreign keys, and the indexes that its queries need.

create table customers (
    id bigint primary key,
    email text not null unique,
    name text not null,
    city text not null,
    phone text not null,
    joined_on date not null
);

create table products (
    id bigint primary key,
    sku text not null unique,
    title text not null,
    description text not null,
    price numeric(10, 2) not null,
    is_active boolean not null
);

create table stock (
    product_id bigint not null references products,
    branch smallint not null,
    quantity integer not null,
    counted_at timestamptz not null,
    primary key (product_id, branch)
);

create table orders (
    id bigint primary key,
    customer_id bigint not null references customers,
    placed_at timestamptz not null,
    status text not null,
    ship_to text not null,
    total numeric(12, 2) not null
);
create index orders_by_customer on orders (customer_id);
create index orders_by_time on orders (placed_at);

create table order_items (
    order_id bigint not null references orders,
    line smallint not null,
    product_id bigint not null references products,
    quantity integer not null,
    price numeric(10, 2) not null,
    note text,
    primary key (order_id, line)
);
create index order_items_by_product on order_items (product_id);

create table payments (
    id bigint primary key,
    order_id bigint not null references orders,
    paid_at timestamptz not null,
    method text not null,
    amount numeric(12, 2) not null,
    reference text not null unique
);
create index payments_by_order on payments (order_id);
