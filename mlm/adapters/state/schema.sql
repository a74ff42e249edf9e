-- The index of the chain. Everything here can be recreated by `mlm sync --rebuild`.
-- One row of a fact table per event (docs/events.md), never updated; a rewind deletes those of its blocks.
-- Enums are the contract's numbers (devnet/contracts/interfaces/Types.sol); the *_name macros spell them.
-- Amounts are base units of the token: any uint128, in transfers any uint256. BIGNUM holds and sums them exactly, where
-- HUGEINT ends at 2^127: one deposit of 171 tokens of 36 decimals would have ended every index.

create table meta (name varchar not null, value varchar not null);
create table blocks (number bigint not null, hash varchar not null, parent_hash varchar not null, timestamp bigint not null);

create table events (
    block bigint not null, timestamp bigint not null, log_index bigint not null, tx_hash varchar not null,
    contract varchar not null, address varchar not null, name varchar not null, args json not null
);

create table handles (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, handle varchar, owner varchar
);
create table assets (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    token_id varchar, owner varchar, handle varchar, name varchar, kind bigint
);
create table asset_transfers (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    token_id varchar, sender varchar, recipient varchar
);
create table versions (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    token_id varchar, version_id varchar, publisher varchar, version varchar, manifest varchar, licence varchar
);
create table parents (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    version_id varchar, position bigint, token_id varchar, bps bigint
);
create table keys (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, version_id varchar, tier bigint, key varchar
);
create table prices (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    version_id varchar, use_price bignum, owner_bps bigint
);
create table jobs (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, version_id varchar, consumer varchar, nonce varchar, tier bigint, auction bigint, scheme bigint,
    input_commitment varchar, input varchar, max_price bignum, bidding_window bigint, delivery_window bigint,
    execution_window bigint, verification_window bigint, terms json
);
create table auctions (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, start_price bignum, price_step bignum, reveal_window bigint, requirements varchar
);
create table bids (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, provider varchar, price bignum
);
create table bid_changes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, bidder varchar, change varchar, commitment varchar, amount bignum
);
create table extensions (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, closes_at bigint
);
create table closings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, provider varchar, price bignum
);
create table acceptances (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, provider varchar
);
create table submissions (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, provider varchar, output_commitment varchar, result varchar
);
create table settlements (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, consumer varchar, provider varchar, state bigint, price bignum
);
create table credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, account varchar, reason bigint, amount bignum
);
create table withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table stake_changes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    account varchar, role bigint, change varchar, amount bignum, job_id varchar, release_at bigint
);
create table reservations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    reservation_id varchar, account varchar, role bigint, change varchar, amount bignum, until bigint
);
create table batches (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    batch_id varchar, class_id varchar, closes_at bigint, version_id varchar, tier bigint, scheme bigint,
    start_price bignum, price_step bignum, bidding_window bigint, reveal_window bigint, delivery_window bigint,
    execution_window bigint, verification_window bigint, requirements varchar, use_price bignum, owner_bps bigint
);
create table entries (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    batch_id varchar, job_id varchar, tick bigint, position bigint
);
create table offers (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    batch_id varchar, offer_id varchar, provider varchar, tick bigint, position bigint, quantity bigint
);
create table clearings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    batch_id varchar, tick bigint, volume bigint
);
create table draws (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    batch_id varchar, job_id varchar, offer_id varchar, provider varchar, price bignum
);
create table transfers (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sender varchar, recipient varchar, amount bignum
);
create table pauses (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, until bigint
);
create table outcomes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, provider varchar, outcome bigint, price bignum, points bignum
);
create table ratings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, provider varchar, consumer varchar, stars bigint
);
create table fee_shares (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, treasury_bps bigint, stakers_bps bigint
);
create table reward_changes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    account varchar, change varchar, amount bignum, finish_at bigint
);

create table declarations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    provider varchar, name varchar, value varchar, declared boolean
);
create table attestations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    auditor varchar, provider varchar, name varchar, value varchar, issued_at ubigint, expires_at ubigint
);
create table requirements (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, hash varchar, requirements varchar
);
create table sales (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sale_id varchar, collection varchar, seller varchar, token_id varchar, reserve bignum, step_bps bigint,
    duration bigint, extension bigint, escrow varchar
);
create table lots (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sale_id varchar, units bignum, start_price bignum, expires_at bigint
);
create table sale_bids (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sale_id varchar, bidder varchar, amount bignum, ends_at bigint
);
create table sale_closings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sale_id varchar, recipient varchar, state bigint, price bignum
);
create table sale_credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    sale_id varchar, account varchar, reason bigint, amount bignum
);
create table sale_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table channels (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    channel_id varchar, version_id varchar, payer varchar, payee varchar, signer varchar, nonce varchar, deposit bignum,
    expires_at bigint, terms json
);
create table channel_top_ups (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    channel_id varchar, amount bignum, deposit bignum, expires_at bigint
);
create table voucher_claims (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    channel_id varchar, amount bignum, calls ubigint, paid bignum
);
create table channel_endings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    channel_id varchar, ending bigint, refunded bignum
);
create table channel_credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    channel_id varchar, account varchar, reason bigint, amount bignum
);
create table channel_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table bond_changes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    account varchar, version_id varchar, change varchar, amount bignum, release_at bigint
);
create table accusations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    accusation_id varchar, version_id varchar, payee varchar, payer varchar, channel_id varchar, call ubigint,
    exact_input varchar, exact_output varchar, lapses_at bigint, statement json
);
create table accused_inputs (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    accusation_id varchar, version_id varchar, exact_input varchar, inputs json
);
create table accusation_endings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    accusation_id varchar, version_id varchar, payee varchar, payer varchar, change varchar, job_id varchar,
    output_commitment varchar, slashed bignum
);
create table bond_credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    accusation_id varchar, account varchar, reason bigint, amount bignum
);
create table bond_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table encryption_keys (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, key varchar
);
create table input_keys (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, provider varchar, wrapped varchar
);
create table complaints (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, account varchar, change varchar, answer_by bigint, salt varchar, outputs varchar
);
create table traces (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, provider varchar, graph_root varchar, inputs varchar, outputs varchar, tensor_roots varchar
);
create table convictions (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar,
    challenger varchar, prover varchar, fault bigint, node varchar, place varchar, expected varchar, claimed varchar
);
create table games (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, game_id varchar,
    challenger varchar, node varchar, output_type varchar, tensor_root varchar, deadline bigint
);
create table game_moves (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, game_id varchar,
    account varchar, change varchar, position bigint, shown varchar, deadline bigint
);
create table game_credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    game_id varchar, account varchar, reason bigint, amount bignum
);
create table game_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table audit_fundings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table audit_draws (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    period bigint, account varchar, change varchar, drawn_block bigint, seed varchar
);
create table audits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, account varchar, change varchar, root varchar, amount bignum
);
create table attester_changes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, change varchar, active_from bigint, url varchar
);
create table attester_stakes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    account varchar, change varchar, amount bignum, release_at bigint, reporter varchar, reward bignum
);
create table attester_thresholds (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, threshold bigint, active_from bigint
);
create table attester_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table attested_results (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    job_id varchar, provider varchar, digest varchar, attestation varchar, signatures varchar
);
create table session_keys (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    digest varchar, provider varchar, key varchar, attestation varchar, signatures varchar
);
create table shown_quotes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, provider varchar, quote varchar
);
create table falsehoods (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, digest varchar, reporter varchar, fault bigint
);
create table equivocations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    account varchar, reporter varchar, first_digest varchar, second_digest varchar
);
create table chain_reports (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, digest varchar, reporter varchar, change varchar, bond bignum
);
create table tee_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, account varchar, amount bignum
);
create table beacon_rounds (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    round bigint, account varchar, change varchar, drawn_block bigint, word varchar, amount bignum
);
create table replicas (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, job_id varchar, account varchar, change varchar,
    position bigint, number bigint, word varchar, amount bignum, slashed bignum
);
create table replica_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, contract varchar, account varchar, amount bignum
);
create table content_keys (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, version_id varchar, owner varchar, key_digest varchar
);
create table key_requests (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, version_id varchar, account varchar, x varchar, y varchar
);
create table key_grants (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    version_id varchar, account varchar, granter varchar, x varchar, y varchar, wrapped varchar
);
create table licence_classes (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, class_id varchar, token_id varchar, terms json
);
create table licence_offers (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    class_id varchar, token_id varchar, seller varchar, version_id varchar, price bignum, stock bignum, delivery bigint
);
create table licence_orders (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    order_id varchar, class_id varchar, version_id varchar, buyer varchar, seller varchar, units bignum, price bignum,
    purchase json
);
create table licence_deliveries (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, order_id varchar, x varchar, y varchar, wrapped varchar
);
create table licence_closings (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, order_id varchar, state bigint, licence_id varchar
);
create table licence_credits (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    order_id varchar, account varchar, reason bigint, amount bignum
);
create table licence_moves (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    licence_id varchar, class_id varchar, sender varchar, recipient varchar, units bignum
);
create table licence_uses (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    licence_id varchar, account varchar, purpose varchar, units bignum
);
create table licence_revocations (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar,
    licence_id varchar, account varchar, units bignum, refund bignum, until bigint
);
create table licence_withdrawals (
    block bigint, timestamp bigint, log_index bigint, tx_hash varchar, contract varchar, account varchar, amount bignum
);

create macro kind_name(n) as ['model', 'dataset', 'algorithm', 'pipeline'][n + 1];
create macro tier_name(n) as ['none', 'zk', 'optimistic', 'tee', 'redundant', 'consensus'][n + 1];
create macro auction_name(n) as ['fixed', 'reverse', 'sealed', 'dutch', 'batch'][n + 1];
create macro role_name(n) as ['provider', 'watcher', 'publisher'][n + 1];
create macro reason_name(n) as [
    'payment', 'royalty', 'protocol-fee', 'refund', 'gas-compensation', 'burn', 'staker-reward', 'challenger-reward'][n + 1];
create macro outcome_name(n) as ['accepted', 'rejected', 'undelivered', 'defaulted'][n + 1];
create macro state_name(n) as [
    'unknown', 'open', 'revealing', 'leased', 'ready', 'submitted', 'disputed', 'accepted', 'rejected', 'expired',
    'cancelled', 'undelivered', 'defaulted'][n + 1];

create macro sale_state_name(n) as [
    'unknown', 'open', 'sold', 'unsold', 'lapsed', 'delivered', 'returned', 'cancelled'][n + 1];
create macro sale_reason_name(n) as ['outbid', 'proceeds', 'royalty', 'refund', 'earnings'][n + 1];

create view marks as select name, value from meta where name <> 'schema';

-- What the node last called finalized and safe; -1 while it has said nothing.
create view horizon as
select coalesce(max(value::bigint) filter (name = 'finalized'), -1) as finalized,
       coalesce(max(value::bigint) filter (name = 'safe'), -1) as safe
from meta where name in ('finalized', 'safe');
create macro finality(n) as
    case when n <= (select finalized from horizon) then 'finalized'
         when n <= (select safe from horizon) then 'safe' else 'included' end;

create view contracts as select distinct contract as name, address from events;

-- The owner is whoever received the token last; the creator until its first transfer is seen.
create view asset_view as
select a.token_id, a.handle, a.name, a.kind, coalesce(t.recipient, a.owner) as owner, a.owner as creator,
       a.block, a.timestamp, a.log_index, a.tx_hash
from assets a
left join (select token_id, arg_max(recipient, (block, log_index)) as recipient from asset_transfers group by token_id) t
    on t.token_id = a.token_id;

create view version_view as
select v.token_id, a.handle, a.name, a.kind, a.owner, v.version_id, v.version, v.manifest, v.licence, v.publisher,
       p.use_price, p.owner_bps, v.block, v.timestamp, v.log_index, v.tx_hash
from versions v
left join asset_view a on a.token_id = v.token_id
left join (
    select version_id, arg_max(use_price, (block, log_index)) as use_price,
           arg_max(owner_bps, (block, log_index)) as owner_bps
    from prices group by version_id
) p on p.version_id = v.version_id;

create view newest_version as
select * from version_view
qualify row_number() over (partition by token_id order by block desc, log_index desc) = 1;

-- The best bid of each job. Open bids: the last one, unless it was withdrawn since.
create view best_bid_view as
select b.job_id, case when w.place is null or w.place < b.place then b.provider end as provider,
       case when w.place is null or w.place < b.place then b.price end as price, b.bid_count, b.block
from (
    select job_id, arg_max(provider, (block, log_index)) as provider, arg_max(price, (block, log_index)) as price,
           max((block, log_index)) as place, max(block) as block, count(*) as bid_count
    from bids group by job_id
) b
left join (
    select job_id, max((block, log_index)) as place from bid_changes where change = 'withdrawn' group by job_id
) w on w.job_id = b.job_id;

-- Sealed bids: the lowest one shown leads, the earlier at a tie; the second lowest, if any, is the price.
create view sealed_view as
select job_id,
       arg_min(bidder, (amount, block, log_index)) filter (change = 'revealed') as leader,
       list_sort(list(amount) filter (change = 'revealed'))[2] as second,
       count(*) filter (change = 'committed') as bid_count,
       count(*) filter (change = 'committed') - count(*) filter (change <> 'committed') as commitments,
       max(block) as block
from bid_changes group by job_id;

-- Every fact from which a job's state follows (docs/job.md), in one row. In a sealed (2) or batch auction (4) a
-- transaction closes the reveals, in any other the bids; a batch's bids close with its round.
create view job_view as
select j.job_id, j.version_id, v.handle, v.name, v.version, j.consumer, j.nonce, j.tier, j.auction, j.scheme,
       j.input_commitment, j.input, j.max_price, j.terms,
       o.start_price, o.price_step, o.reveal_window, o.requirements,
       j.timestamp as posted_at,
       case when j.auction = 4 then (j.timestamp // j.bidding_window + 1) * j.bidding_window
            when j.auction = 2 then j.timestamp + j.bidding_window
            else coalesce(c.timestamp, x.closes_at, j.timestamp + j.bidding_window) end as bids_close_at,
       case when j.auction in (2, 4) then coalesce(c.timestamp, bids_close_at + coalesce(o.reveal_window, 0))
            else bids_close_at end as reveals_close_at,
       c.timestamp as awarded_at, a.timestamp as accepted_at, s.timestamp as submitted_at, e.timestamp as settled_at,
       case j.auction when 2 then r.leader when 4 then c.provider else b.provider end as provider,
       case j.auction when 2 then case when r.leader is not null then coalesce(r.second, j.max_price) end
                      when 4 then c.price else b.price end as price,
       coalesce(b.bid_count, 0) + coalesce(r.bid_count, 0) as bid_count,
       case when j.auction = 2 then coalesce(r.commitments, 0) else 0 end as commitments,
       s.output_commitment, s.result, e.state as settled_state, e.price as settled_price,
       coalesce(e.state = 10, false) as cancelled,
       coalesce(e.state = 7 and e.tx_hash = s.tx_hash, false) as verified,
       j.tx_hash as posted_tx, c.tx_hash as awarded_tx, a.tx_hash as accepted_tx, s.tx_hash as submitted_tx,
       e.tx_hash as settled_tx, j.block, j.timestamp, j.log_index, j.tx_hash,
       greatest(j.block, coalesce(b.block, 0), coalesce(r.block, 0), coalesce(c.block, 0), coalesce(a.block, 0), coalesce(s.block, 0),
                coalesce(k.block, 0), coalesce(g.block, 0), coalesce(e.block, 0)) as last_block
from jobs j
left join version_view v on v.version_id = j.version_id
left join auctions o on o.job_id = j.job_id
left join best_bid_view b on b.job_id = j.job_id
left join sealed_view r on r.job_id = j.job_id
left join (select job_id, max(closes_at) as closes_at from extensions group by job_id) x on x.job_id = j.job_id
left join closings c on c.job_id = j.job_id
left join acceptances a on a.job_id = j.job_id
left join submissions s on s.job_id = j.job_id
left join (select job_id, max(block) as block from complaints where change <> 'paid' group by job_id) k on k.job_id = j.job_id
left join (
    select job_id, max(block) as block from (
        select job_id, block from convictions union all select job_id, block from games union all select job_id, block from game_moves
    ) group by job_id
) g on g.job_id = j.job_id
left join settlements e on e.job_id = j.job_id;

-- Every fact from which a sale's state follows (docs/sale.md), in one row. Anybody's collection can be for sale; only an
-- asset has a name.
create view sale_view as
select s.sale_id, s.collection, s.token_id, a.handle, a.name, s.seller, coalesce(l.units, 0::bignum) as units,
       coalesce(l.start_price, 0::bignum) as start_price, s.reserve, s.step_bps, s.extension, s.escrow,
       coalesce(l.expires_at, 1099511627775) as expires_at, s.timestamp as opened_at, coalesce(b.ends_at, s.timestamp + s.duration) as ends_at,
       b.bidder, b.amount as price, coalesce(b.bid_count, 0) as bid_count,
       c.timestamp as closed_at, c.state as closed_state, c.recipient,
       s.block, s.timestamp, s.log_index, s.tx_hash, greatest(s.block, coalesce(b.block, 0), coalesce(c.block, 0)) as last_block
from sales s
left join (
    select sale_id, arg_max(bidder, (block, log_index)) as bidder, arg_max(amount, (block, log_index)) as amount,
           arg_max(ends_at, (block, log_index)) as ends_at, max(block) as block, count(*) as bid_count
    from sale_bids group by sale_id
) b on b.sale_id = s.sale_id
left join sale_closings c on c.sale_id = s.sale_id
left join lots l on l.sale_id = s.sale_id
left join asset_view a
    on a.token_id = s.token_id and s.collection = (select address from contracts where name = 'AssetRegistry' limit 1);

-- Every fact from which a channel's state follows (docs/channels.md), in one row.
create view channel_view as
select c.channel_id, c.version_id, c.payer, c.payee, c.signer, c.nonce, coalesce(u.deposit, c.deposit) as deposit,
       coalesce(u.expires_at, c.expires_at) as expires_at, coalesce(v.claimed, 0::bignum) as claimed,
       coalesce(v.calls, 0::ubigint) as claimed_calls, c.terms, c.timestamp as opened_at,
       e.timestamp as ended_at, e.ending, e.refunded,
       c.block, c.timestamp, c.log_index, c.tx_hash,
       greatest(c.block, coalesce(u.block, 0), coalesce(v.block, 0), coalesce(e.block, 0)) as last_block
from channels c
left join (
    select channel_id, arg_max(deposit, (block, log_index)) as deposit,
           arg_max(expires_at, (block, log_index)) as expires_at, max(block) as block
    from channel_top_ups group by channel_id
) u on u.channel_id = c.channel_id
left join (
    select channel_id, sum(paid) as claimed, max(calls) as calls, max(block) as block
    from voucher_claims group by channel_id
) v on v.channel_id = c.channel_id
left join channel_endings e on e.channel_id = c.channel_id;

-- An accusation and what ended it: the first ending behind it, since one that has lapsed can be made again.
create view accusation_view as
select a.accusation_id, a.version_id, a.payee, a.payer, a.channel_id, a.call, a.exact_input, a.exact_output, a.lapses_at,
       a.statement, e.timestamp as ended_at, e.change as ending, e.job_id, e.output_commitment, e.slashed,
       greatest(a.block, coalesce(e.block, 0)) as last_block, a.block, a.timestamp, a.log_index, a.tx_hash
from accusations a
left join lateral (
    select * from accusation_endings
    where accusation_id = a.accusation_id and (block, log_index) > (a.block, a.log_index)
    order by block, log_index limit 1
) e on true
union all
-- Two statements that contradict each other convict, with or without an accusation.
select e.accusation_id, e.version_id, e.payee, e.payer, null, null, null, null, null, null, e.timestamp, e.change, e.job_id,
       e.output_commitment, e.slashed, e.block, e.block, e.timestamp, e.log_index, e.tx_hash
from accusation_endings e
where e.change = 'proven' and not exists (
    select 1 from accusations a
    where a.accusation_id = e.accusation_id and (a.block, a.log_index) < (e.block, e.log_index)
);

-- What is known of an order, in one row: the contract says how it stands now (docs/licences.md).
create view order_view as
select o.order_id, o.class_id, o.version_id, o.buyer, o.seller, o.units, o.price, o.purchase, o.timestamp as ordered_at,
       d.timestamp as delivered_at, d.x, d.y, d.wrapped, c.timestamp as closed_at, c.state as closed_state, c.licence_id,
       o.block, o.timestamp, o.log_index, o.tx_hash, greatest(o.block, coalesce(d.block, 0), coalesce(c.block, 0)) as last_block
from licence_orders o
left join licence_deliveries d on d.order_id = o.order_id
left join licence_closings c on c.order_id = o.order_id;

-- Who has held units of which licence, and how many are left. Anybody can move nothing to anybody: that is no change.
create view holding_view as
select licence_id, class_id, account, sum(change) as units, max(block) as last_block
from (
    select licence_id, class_id, recipient as account, units as change, block from licence_moves where units > 0
    union all select licence_id, class_id, sender, -units, block from licence_moves where units > 0
) where account <> '0x0000000000000000000000000000000000000000'
group by licence_id, class_id, account;

create view stake_view as
select account, role,
       sum(case change when 'deposited' then amount when 'withdrawn' then -amount when 'slashed' then -amount else 0 end) as total,
       sum(case change when 'locked' then amount when 'unlocked' then -amount when 'slashed' then -amount else 0 end) as locked,
       sum(case change when 'unbonding' then amount when 'withdrawn' then -amount else 0 end) as unbonding,
       arg_max(release_at, (block, log_index)) filter (change = 'unbonding') as release_at
from stake_changes group by account, role;

create macro stars_times(points, stars) as case stars
    when 1 then points when 2 then points + points when 3 then points + points + points
    when 4 then points + points + points + points when 5 then points + points + points + points + points
    else 0 end;

-- What Reputation.sol keeps of a provider. The average of its stars is star_points / rated_points.
create view reputation_view as
select o.provider,
       count(*) filter (o.outcome = 0) as accepted, count(*) filter (o.outcome = 1) as rejected,
       count(*) filter (o.outcome = 2) as undelivered, count(*) filter (o.outcome = 3) as defaulted,
       sum(o.price) as value, sum(o.points) as points,
       coalesce(sum(o.points) filter (r.stars is not null), 0) as rated_points,
       -- A product of BIGNUMs is a DOUBLE; stars are five at most.
       sum(stars_times(o.points, r.stars)) as star_points, count(r.stars) as ratings
from outcomes o left join ratings r on r.job_id = o.job_id
group by o.provider;

-- What moved an account's balances. The changes of a ledger sum to its balance.
create view history_view as
with place as (
    select (select address from contracts where name = 'JobMarket' limit 1) as market,
           (select address from contracts where name = 'StakeVault' limit 1) as vault,
           (select address from contracts where name = 'AssetSale' limit 1) as sale,
           (select address from contracts where name = 'Unverified' limit 1) as unverified,
           (select address from contracts where name = 'DisputeGame' limit 1) as game,
           (select address from contracts where name = 'AuditRewards' limit 1) as audits,
           (select address from contracts where name = 'Replication' limit 1) as replication,
           (select address from contracts where name = 'CommitRevealBeacon' limit 1) as beacon,
           (select address from contracts where name = 'PaymentChannels' limit 1) as channels,
           (select address from contracts where name = 'ServingBonds' limit 1) as bonds,
           (select address from contracts where name = 'LicenceShop' limit 1) as shop,
           (select address from contracts where name = 'LicenceToken' limit 1) as licences,
           (select address from contracts where name = 'AttesterSet' limit 1) as attesters,
           (select address from contracts where name = 'TeeVerifier' limit 1) as tee,
           '0x0000000000000000000000000000000000000000' as nobody
)
select t.sender as account, 'wallet' as ledger, -t.amount as change,
       case t.recipient when market then 'escrow' when vault then 'stake' when sale then 'sale bid' when channels then 'channel' when bonds then 'bond'
           when unverified then 'complaint' when game then 'dispute' when audits then 'audit' when shop then 'licence' when licences then 'licence' when replication then 'replica' when beacon then 'beacon' when attesters then 'attester' when tee then 'tee' when nobody then 'burn'
           else 'transfer' end as reason,
       (select min(j.job_id) from jobs j
        where j.tx_hash = t.tx_hash and j.consumer = t.sender and j.max_price = t.amount and t.recipient = market) as job_id,
       t.block, t.timestamp, t.log_index, t.tx_hash
from transfers t, place
union all
select t.recipient, 'wallet', t.amount,
       case t.sender when market then 'withdrawal' when sale then 'withdrawal' when channels then 'withdrawal' when vault then
           case when exists (select 1 from reward_changes r where r.tx_hash = t.tx_hash and r.change = 'claimed'
                             and r.account = t.recipient and r.amount = t.amount) then 'reward' else 'unstake' end
       when bonds then 'bond' when unverified then 'complaint' when game then 'dispute' when audits then 'audit' when shop then 'withdrawal' when licences then 'withdrawal' when replication then 'replica' when beacon then 'beacon' when attesters then 'attester' when tee then 'tee' when nobody then 'mint'
       else 'transfer' end,
       null, t.block, t.timestamp, t.log_index, t.tx_hash
from transfers t, place
union all
select account, 'credit', amount, reason_name(reason), job_id, block, timestamp, log_index, tx_hash from credits
union all
select account, 'credit', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from withdrawals
union all
select account, 'sale', amount, sale_reason_name(reason), null, block, timestamp, log_index, tx_hash from sale_credits
union all
select account, 'sale', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from sale_withdrawals
union all
select account, 'channel', amount, reason_name(reason), null, block, timestamp, log_index, tx_hash from channel_credits
union all
select account, 'channel', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from channel_withdrawals
union all
select account, 'accusation', amount, reason_name(reason), null, block, timestamp, log_index, tx_hash from bond_credits
union all
select account, 'accusation', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from bond_withdrawals
union all
select account, 'bond', case change when 'deposited' then amount else -amount end,
       case change when 'deposited' then 'deposit' else 'withdrawal' end, null, block, timestamp, log_index, tx_hash
from bond_changes where change in ('deposited', 'withdrawn')
union all
select payee, 'bond', -slashed, 'slash', null, block, timestamp, log_index, tx_hash
from accusation_endings where change = 'proven'
union all
select account, 'dispute', amount, reason_name(reason), null, block, timestamp, log_index, tx_hash from game_credits
union all
select account, 'dispute', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from game_withdrawals
union all
select account, 'licence', amount, reason_name(reason), null, block, timestamp, log_index, tx_hash from licence_credits
union all
select account, 'licence', refund, 'revocation', null, block, timestamp, log_index, tx_hash from licence_revocations
where refund > 0
union all
select account, 'licence', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from licence_withdrawals
union all
select reporter, 'report', reward, 'reward', null, block, timestamp, log_index, tx_hash
from attester_stakes where change = 'slashed'
union all
select '0x000000000000000000000000000000000000dead', 'report', amount - reward, 'burn', null, block, timestamp, log_index, tx_hash
from attester_stakes where change = 'slashed'
union all
select case change when 'returned' then reporter else '0x000000000000000000000000000000000000dead' end, 'report', bond,
       case change when 'returned' then 'bond' else 'burn' end, null, block, timestamp, log_index, tx_hash
from chain_reports
union all
select account, 'report', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from attester_withdrawals
union all
select account, 'report', -amount, 'withdrawal', null, block, timestamp, log_index, tx_hash from tee_withdrawals
union all
select account, 'attester', case change when 'deposited' then amount else -amount end,
       case change when 'deposited' then 'deposit' when 'withdrawn' then 'withdrawal' else 'slash' end,
       null, block, timestamp, log_index, tx_hash
from attester_stakes where change in ('deposited', 'withdrawn', 'slashed')
union all
select account, 'stake', case change when 'deposited' then amount else -amount end,
       case change when 'deposited' then 'deposit' when 'withdrawn' then 'withdrawal' else 'slash' end,
       job_id, block, timestamp, log_index, tx_hash
from stake_changes where change in ('deposited', 'withdrawn', 'slashed');

-- What is so of providers now: a name has one number of a provider and of an auditor, and any symbols. Whoever reads it
-- compares expires_at with the clock. A number's text begins with a digit, a symbol's with a letter.
create macro attribute_slot(value) as case when value[1] between '0' and '9' then '' else value end;
create view attribute_view as
select provider, name, value, null::varchar as auditor, null::ubigint as issued_at, null::ubigint as expires_at,
       block, timestamp, log_index, tx_hash
from (
    select * from declarations
    qualify row_number() over (
        partition by provider, name, attribute_slot(value) order by block desc, log_index desc) = 1
) where declared
union all
select provider, name, value, auditor, issued_at, expires_at, block, timestamp, log_index, tx_hash
from (
    select * from attestations
    qualify row_number() over (
        partition by auditor, provider, name, attribute_slot(value) order by block desc, log_index desc) = 1
) where expires_at > 0;
