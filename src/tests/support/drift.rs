//! A copy of a sample -> the same with changed, missing and extra rows in it, as a server that lived on its own.

use super::Database;

/// What happened to each sample: rows changed (keys, texts, numbers, nulls), rows deleted, and rows of its own.
const PAGILA: &str = "
    update actor set first_name = 'CHANGED' where actor_id % 10 = 0;
    update film set rental_rate = rental_rate + 1, description = null where film_id % 7 = 0;
    update customer set email = 'moved@example.org', active = 0 where customer_id % 50 = 0;
    update payment set amount = amount + 0.01 where payment_id % 101 = 0;
    delete from film_actor where actor_id % 9 = 0;
    delete from payment where payment_id % 97 = 0;
    delete from rental where rental_id % 500 = 0 and rental_id not in (select rental_id from payment);
    insert into actor (actor_id, first_name, last_name) values (9001, 'ONLY', 'HERE'), (9002, 'TAB\tBED', 'BACK\\SLASH');
    insert into category (category_id, name) values (9001, 'Only here');
    insert into film_category (film_id, category_id) values (1, 9001);
    insert into payment (payment_id, customer_id, staff_id, rental_id, amount, payment_date)
    values (900001, 1, 1, 1, 3.99, '2022-03-03 03:03:03+00');";

const CHINOOK: &str = "
    update artist set name = name || ' (live)' where artist_id % 20 = 0;
    update track set composer = null, unit_price = 1.49 where track_id % 33 = 0;
    update employee set reports_to = 1 where employee_id = 8;
    delete from playlist_track where track_id % 10 = 0;
    delete from invoice_line where invoice_line_id % 40 = 0;
    insert into genre (genre_id, name) overriding system value values (9001, 'Only here');
    insert into album (album_id, title, artist_id) overriding system value values (9001, 'Only here', 1);";

const SHOP: &str = "
    update branches set manager_id = manager_id + 1 where id % 5 = 0;
    update employees set reports_to = null, full_name = full_name || ' jr.' where id % 12 = 0;
    update customers set notes = 'moved' where id % 25 = 0;
    update products set price = price + 1, cost = 0 where id % 30 = 0;
    update product_tags set tags = array['changed', null] where product_id % 40 = 0;
    update \"TaxRates\" set percent = 21.00 where \"Code\" = 'EU-full';
    update settings set value = '{\"changed\": true}' where name = 'theme';
    update documents set content = '\\x00ff00' where id % 15 = 0;
    update payments set amount = amount + 5 where id % 50 = 0;
    delete from order_items where order_id % 20 = 0 and line > 1 and not exists (
        select from returns r where r.order_id = order_items.order_id and r.line = order_items.line);
    delete from loyalty_points where customer_id % 4 = 0;
    delete from audit_log where number % 10 = 0;
    insert into customers (business_id, full_name, created_at, updated_at)
    values (1, 'Only Here', '2025-05-05 05:05:05+00', '2025-05-05 05:05:05+00');
    insert into gift_cards (id, business_id, code, balance, expires_on)
    values ('00000000-0000-4000-8000-000000000001', 1, 'ONLY-HERE', 1, 'infinity');
    insert into audit_log (happened_at, action) values ('2025-05-05 05:05:05+00', 'only here');";

impl Database {
    /// Lets the copy of a sample drift away from its origin, triggers included that write what they always write.
    pub(crate) async fn drift(&self) {
        let sample = self.template();
        let script = match sample.strip_suffix("_schema").unwrap_or(sample) {
            "pagila" => PAGILA,
            "chinook" | "chinook_identity" => CHINOOK,
            "shop" => SHOP,
            other => panic!("there is no drift for `{other}`"),
        };
        self.execute(script).await;
    }
}
