-- Six related tables as a shop has them; their keys and indexes are made by keys.sql, after the rows where there are many.

create table customers (
    id bigint not null,
    email text not null,
    name text not null,
    city text not null,
    phone text not null,
    joined_on date not null
);

create table products (
    id bigint not null,
    sku text not null,
    title text not null,
    description text not null,
    price numeric(10, 2) not null,
    is_active boolean not null
);

create table stock (
    product_id bigint not null,
    branch smallint not null,
    quantity integer not null,
    counted_at timestamptz not null
);

create table orders (
    id bigint not null,
    customer_id bigint not null,
    placed_at timestamptz not null,
    status text not null,
    ship_to text not null,
    total numeric(12, 2) not null
);

create table order_items (
    order_id bigint not null,
    line smallint not null,
    product_id bigint not null,
    quantity integer not null,
    price numeric(10, 2) not null,
    note text
);

create table payments (
    id bigint not null,
    order_id bigint not null,
    paid_at timestamptz not null,
    method text not null,
    amount numeric(12, 2) not null,
    reference text not null
);
