-- Every row n-th of every table gets another value: {n} is 100 for one in a hundred, 1 for all.

update customers set city = city || '!' where id % {n} = 0;
update products set price = price + 1 where id % {n} = 0;
update stock set quantity = quantity + 1 where product_id % {n} = 0;
update orders set total = total + 1 where id % {n} = 0;
update order_items set price = price + 1 where (order_id * 3 + line) % {n} = 0;
update payments set amount = amount + 1 where id % {n} = 0;
