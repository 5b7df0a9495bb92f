-- Settling reads what is not recovered yet in the order of its places, a part at a time: of a million orders none may be sorted for each part.

create index reconciled_order_left on reconciled_order (reconciliation_id, shop, order_id) where found <> 'known' and not recovered;
drop index reconciled_order_unrecovered;
