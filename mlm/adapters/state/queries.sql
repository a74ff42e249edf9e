-- The named queries; mlm/core/events/queries.py says what each takes and answers.

-- name: assets
select token_id, handle, name, kind, owner, creator, block, timestamp, tx_hash, finality(block) as finality
from asset_view
where ($handle::varchar is null or handle = $handle)
  and ($name::varchar is null or name = $name)
  and ($token_id::varchar is null or token_id = $token_id)
  and ($owner::varchar is null or owner = $owner)
order by block desc, log_index desc limit $limit offset $offset;

-- name: asset_transfers
select token_id, sender, recipient, block, timestamp, tx_hash, finality(block) as finality
from asset_transfers
where ($token_id::varchar is null or token_id = $token_id) and ($sender::varchar is null or sender = $sender)
order by block desc, log_index desc limit $limit offset $offset;

-- name: asset_prefix
select token_id from assets where starts_with(token_id, $prefix) order by token_id limit $limit;

-- name: versions
select * exclude (log_index), finality(block) as finality
from version_view
where ($token_id::varchar is null or token_id = $token_id)
  and ($version_id::varchar is null or version_id = $version_id)
  and ($version::varchar is null or version = $version)
  and ($manifest::varchar is null or manifest = $manifest)
order by block desc, log_index desc limit $limit offset $offset;

-- name: search
select * exclude (log_index), finality(block) as finality
from newest_version
where (contains(lower(handle || '/' || name), lower($text)) or contains(lower(licence), lower($text)))
  and ($kind::bigint is null or kind = $kind)
order by block desc, log_index desc limit $limit offset $offset;

-- name: handle
select handle, owner, block, timestamp, tx_hash, finality(block) as finality from handles where handle = $handle;

-- name: keys
select tier, key, block, timestamp, tx_hash, finality(block) as finality
from keys where version_id = $version_id order by tier;

-- name: parents
select p.position, p.token_id, p.bps, a.handle, a.name, a.owner
from parents p left join asset_view a on a.token_id = p.token_id
where p.version_id = $version_id order by p.position;

-- name: lineage
with recursive up(depth, child, token_id, bps) as (
    select 1, v.token_id, p.token_id, p.bps
    from parents p join versions v on v.version_id = p.version_id where p.version_id = $version_id
    union
    select up.depth + 1, up.token_id, p.token_id, p.bps
    from up join newest_version n on n.token_id = up.token_id join parents p on p.version_id = n.version_id
    where up.depth < $depth
)
select up.depth, up.child, up.token_id, up.bps, a.handle, a.name, a.owner
from up left join asset_view a on a.token_id = up.token_id
order by up.depth, up.child, up.token_id, up.bps;

-- name: jobs
select * exclude (log_index), finality(last_block) as finality
from job_view
where ($job_id::varchar is null or job_id = $job_id)
  and ($consumer::varchar is null or consumer = $consumer)
  and ($provider::varchar is null or provider = $provider)
  and ($version_id::varchar is null or version_id = $version_id)
  and ($settled::boolean is null or (settled_at is not null) = $settled)
  and ($nonce::varchar is null or nonce = $nonce)
  and ($open_at::bigint is null or (settled_at is null and posted_at <= $open_at and $open_at < bids_close_at))
order by block desc, log_index desc limit $limit offset $offset;

-- name: job
select job_id, terms, block, timestamp, tx_hash,
    (select result from submissions where job_id = $job_id) as result,
    (select tx_hash from submissions where job_id = $job_id) as submitted_tx,
    finality((select max(block) from (
        select block from jobs where job_id = $job_id
        union all select block from bids where job_id = $job_id
        union all select block from bid_changes where job_id = $job_id
        union all select block from closings where job_id = $job_id
        union all select block from acceptances where job_id = $job_id
        union all select block from submissions where job_id = $job_id
        union all select block from complaints where job_id = $job_id and change <> 'paid'
        union all select block from convictions where job_id = $job_id
        union all select block from games where job_id = $job_id
        union all select block from game_moves where job_id = $job_id
        union all select block from settlements where job_id = $job_id
    ))) as finality
from jobs where job_id = $job_id;

-- name: job_prefix
select job_id from jobs where starts_with(job_id, $prefix) order by job_id limit $limit;

-- name: bids
select row_number() over (order by block, log_index) as position, provider, price, block, timestamp, tx_hash,
       finality(block) as finality
from bids where job_id = $job_id order by block, log_index;

-- name: bid_changes
select row_number() over (order by block, log_index) as position, bidder, change, commitment, amount,
       block, timestamp, tx_hash, finality(block) as finality
from bid_changes where job_id = $job_id order by block, log_index;

-- name: input_keys
select row_number() over (order by block, log_index) as position, provider, wrapped,
       block, timestamp, tx_hash, finality(block) as finality
from input_keys where job_id = $job_id order by block, log_index;

-- name: complaints
select row_number() over (order by block, log_index) as position, account, change, answer_by, salt, outputs,
       block, timestamp, tx_hash, finality(block) as finality
from complaints where job_id = $job_id order by block, log_index;

-- name: traces
select provider, graph_root, inputs, outputs, tensor_roots, block, timestamp, tx_hash, finality(block) as finality
from traces where job_id = $job_id order by block, log_index;

-- name: convictions
select challenger, prover, fault, node, place, expected, claimed, block, timestamp, tx_hash, finality(block) as finality
from convictions where job_id = $job_id order by block, log_index;

-- name: games
select job_id, game_id, challenger, node, output_type, tensor_root, deadline, block, timestamp, tx_hash,
       finality(block) as finality
from games
where ($job_id::varchar is null or job_id = $job_id) and ($challenger::varchar is null or challenger = $challenger)
order by block, log_index;

-- name: game_moves
select row_number() over (order by block, log_index) as position_in_job, game_id, account, change, position, shown,
       deadline, block, timestamp, tx_hash, finality(block) as finality
from game_moves where job_id = $job_id order by block, log_index;

-- name: audits
select job_id, account, change, root, amount, block, timestamp, tx_hash, finality(block) as finality
from audits
where ($job_id::varchar is null or job_id = $job_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: audit_draws
select period, account, change, drawn_block, seed, block, timestamp, tx_hash, finality(block) as finality
from audit_draws where ($period::bigint is null or period = $period)
order by block desc, log_index desc limit $limit offset $offset;

-- name: audit_fundings
select account, amount, block, timestamp, tx_hash, finality(block) as finality
from audit_fundings where ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: attester_changes
select account, change, active_from, url, block, timestamp, tx_hash, finality(block) as finality
from attester_changes
where ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: attester_stakes
select account, change, amount, release_at, reporter, reward, block, timestamp, tx_hash, finality(block) as finality
from attester_stakes
where ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: attester_thresholds
select threshold, active_from, block, timestamp, tx_hash, finality(block) as finality
from attester_thresholds
order by block, log_index limit $limit offset $offset;

-- name: attested_results
select job_id, provider, digest, attestation, signatures, block, timestamp, tx_hash, finality(block) as finality
from attested_results
where ($job_id::varchar is null or job_id = $job_id)
  and ($digest::varchar is null or digest = $digest)
  and ($quote::varchar is null or contains(attestation, '"quoteDigest":"' || $quote || '"'))
order by block, log_index limit $limit offset $offset;

-- name: session_keys
select digest, provider, key, attestation, signatures, block, timestamp, tx_hash, finality(block) as finality
from session_keys
where ($digest::varchar is null or digest = $digest)
  and ($provider::varchar is null or provider = $provider)
  and ($quote::varchar is null or contains(attestation, '"quoteDigest":"' || $quote || '"'))
order by block desc, log_index desc limit $limit offset $offset;

-- name: shown_quotes
select job_id, provider, quote, block, timestamp, tx_hash, finality(block) as finality
from shown_quotes where job_id = $job_id order by block, log_index;

-- name: falsehoods
select digest, reporter, fault, block, timestamp, tx_hash, finality(block) as finality
from falsehoods
where ($digest::varchar is null or digest = $digest)
order by block, log_index limit $limit offset $offset;

-- name: equivocations
select account, reporter, first_digest, second_digest, block, timestamp, tx_hash, finality(block) as finality
from equivocations
where ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: chain_reports
select digest, reporter, change, bond, block, timestamp, tx_hash, finality(block) as finality
from chain_reports
where ($digest::varchar is null or digest = $digest)
order by block, log_index limit $limit offset $offset;

-- name: beacon_rounds
select round, account, change, drawn_block, word, amount, block, timestamp, tx_hash, finality(block) as finality
from beacon_rounds
where ($round::bigint is null or round = $round) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: replicas
select job_id, account, change, position, number, word, amount, slashed, block, timestamp, tx_hash, finality(block) as finality
from replicas
where ($job_id::varchar is null or job_id = $job_id) and ($account::varchar is null or account = $account)
order by block, log_index, position limit $limit offset $offset;

-- name: replica_withdrawals
select contract, account, amount, block, timestamp, tx_hash, finality(block) as finality
from replica_withdrawals where ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: offers
select offer_id, provider, tick, position, quantity, block, timestamp, tx_hash, finality(block) as finality
from offers where batch_id = $batch_id order by block, log_index;

-- name: entries
select e.job_id, j.consumer, e.tick, e.position, d.job_id is not null as drawn,
       e.block, e.timestamp, e.tx_hash, finality(e.block) as finality
from entries e left join jobs j on j.job_id = e.job_id left join draws d on d.job_id = e.job_id
where e.batch_id = $batch_id order by e.block, e.log_index;

-- name: batch
select e.batch_id, b.class_id, b.closes_at, b.closes_at + b.reveal_window as ends_at, b.start_price, b.price_step,
       e.tick, e.position, c.tick as clearing_tick, c.volume, d.offer_id, d.provider, d.price,
       e.block, e.timestamp, e.tx_hash, finality(e.block) as finality
from entries e
left join batches b on b.batch_id = e.batch_id
left join clearings c on c.batch_id = e.batch_id
left join draws d on d.job_id = e.job_id
where e.job_id = $job_id;

-- name: sales
select * exclude (log_index), finality(last_block) as finality
from sale_view
where ($sale_id::varchar is null or sale_id = $sale_id)
  and ($seller::varchar is null or seller = $seller)
  and ($collection::varchar is null or collection = $collection)
  and ($token_id::varchar is null or token_id = $token_id)
  and ($open_at::bigint is null or (closed_at is null and $open_at < ends_at))
order by block desc, log_index desc limit $limit offset $offset;

-- name: sale_prefix
select sale_id from sales where starts_with(sale_id, $prefix) order by sale_id limit $limit;

-- name: sale_bids
select row_number() over (order by block, log_index) as position, bidder, amount, ends_at, block, timestamp, tx_hash,
       finality(block) as finality
from sale_bids where sale_id = $sale_id order by block, log_index;

-- name: sale_credits
select sale_id, account, reason, amount, block, timestamp, tx_hash, finality(block) as finality
from sale_credits
where ($sale_id::varchar is null or sale_id = $sale_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: channels
select * exclude (log_index), finality(last_block) as finality
from channel_view
where ($channel_id::varchar is null or channel_id = $channel_id)
  and ($payer::varchar is null or payer = $payer)
  and ($payee::varchar is null or payee = $payee)
  and ($version_id::varchar is null or version_id = $version_id)
  and ($ended::boolean is null or $ended = (ended_at is not null))
order by block desc, log_index desc limit $limit offset $offset;

-- name: channel_prefix
select channel_id from channels where starts_with(channel_id, $prefix) order by channel_id limit $limit;

-- name: channel_credits
select channel_id, account, reason, amount, block, timestamp, tx_hash, finality(block) as finality
from channel_credits
where ($channel_id::varchar is null or channel_id = $channel_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: bond_changes
select account, version_id, change, amount, release_at, block, timestamp, tx_hash, finality(block) as finality
from bond_changes
where ($account::varchar is null or account = $account) and ($version_id::varchar is null or version_id = $version_id)
order by block, log_index limit $limit offset $offset;

-- name: accusations
select * exclude (log_index), finality(last_block) as finality
from accusation_view
where ($accusation_id::varchar is null or accusation_id = $accusation_id)
  and ($payer::varchar is null or payer = $payer)
  and ($payee::varchar is null or payee = $payee)
  and ($version_id::varchar is null or version_id = $version_id)
  and ($exact_input::varchar is null or exact_input = $exact_input)
  and ($ended::boolean is null or $ended = (ended_at is not null))
order by block desc, log_index desc limit $limit offset $offset;

-- name: accusation_prefix
select distinct accusation_id from accusation_view where starts_with(accusation_id, $prefix)
order by accusation_id limit $limit;

-- name: accused_inputs
select accusation_id, version_id, exact_input, inputs, block, timestamp, tx_hash, finality(block) as finality
from accused_inputs
where ($exact_input::varchar is null or exact_input = $exact_input)
  and ($version_id::varchar is null or version_id = $version_id)
order by block desc, log_index desc limit $limit offset $offset;

-- name: accusation_endings
select accusation_id, version_id, payee, payer, change, job_id, output_commitment, slashed, block, timestamp, tx_hash,
       finality(block) as finality
from accusation_endings
where ($accusation_id::varchar is null or accusation_id = $accusation_id)
  and ($payer::varchar is null or payer = $payer)
  and ($payee::varchar is null or payee = $payee)
order by block desc, log_index desc limit $limit offset $offset;

-- name: bond_credits
select accusation_id, account, reason, amount, block, timestamp, tx_hash, finality(block) as finality
from bond_credits
where ($accusation_id::varchar is null or accusation_id = $accusation_id)
  and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: content_keys
select version_id, owner, key_digest, block, timestamp, tx_hash, finality(block) as finality
from content_keys where ($version_id::varchar is null or version_id = $version_id)
order by block desc, log_index desc limit $limit offset $offset;

-- name: key_requests
select version_id, account, x, y, block, timestamp, tx_hash, finality(block) as finality
from key_requests
where ($version_id::varchar is null or version_id = $version_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: key_grants
select version_id, account, granter, x, y, wrapped, block, timestamp, tx_hash, finality(block) as finality
from key_grants
where ($version_id::varchar is null or version_id = $version_id) and ($account::varchar is null or account = $account)
  and ($granter::varchar is null or granter = $granter)
order by block desc, log_index desc limit $limit offset $offset;

-- name: licence_classes
select class_id, token_id, terms, block, timestamp, tx_hash, finality(block) as finality
from licence_classes
where ($class_id::varchar is null or class_id = $class_id) and ($token_id::varchar is null or token_id = $token_id)
order by block desc, log_index desc limit $limit offset $offset;

-- name: licence_offers
select class_id, token_id, seller, version_id, price, stock, delivery, block, timestamp, tx_hash, finality(block) as finality
from (
    select * from licence_offers
    qualify row_number() over (partition by class_id order by block desc, log_index desc) = 1
)
where ($class_id::varchar is null or class_id = $class_id) and ($token_id::varchar is null or token_id = $token_id)
order by block desc, log_index desc limit $limit offset $offset;

-- name: licence_orders
select * exclude (log_index), finality(last_block) as finality
from order_view
where ($order_id::varchar is null or order_id = $order_id)
  and ($class_id::varchar is null or class_id = $class_id)
  and ($version_id::varchar is null or version_id = $version_id)
  and ($buyer::varchar is null or buyer = $buyer)
  and ($seller::varchar is null or seller = $seller)
  and ($tx_hash::varchar is null or tx_hash = $tx_hash)
order by block desc, log_index desc limit $limit offset $offset;

-- name: order_prefix
select order_id from licence_orders where starts_with(order_id, $prefix) order by order_id limit $limit;

-- name: licence_holdings
select licence_id, class_id, account, units, last_block, finality(last_block) as finality
from holding_view
where ($class_id::varchar is null or class_id = $class_id)
  and ($licence_id::varchar is null or licence_id = $licence_id)
  and ($account::varchar is null or account = $account)
order by last_block desc, licence_id, account limit $limit offset $offset;

-- name: licence_credits
select order_id, account, reason, amount, block, timestamp, tx_hash, finality(block) as finality
from licence_credits
where ($order_id::varchar is null or order_id = $order_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: licence_uses
select licence_id, account, purpose, units, block, timestamp, tx_hash, finality(block) as finality
from licence_uses
where ($account::varchar is null or account = $account) and ($purpose::varchar is null or purpose = $purpose)
order by block, log_index limit $limit offset $offset;

-- name: licence_revocations
select licence_id, account, units, refund, until, block, timestamp, tx_hash, finality(block) as finality
from licence_revocations
where ($licence_id::varchar is null or licence_id = $licence_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: credits
select job_id, account, reason, amount, block, timestamp, tx_hash, finality(block) as finality
from credits
where ($job_id::varchar is null or job_id = $job_id) and ($account::varchar is null or account = $account)
order by block, log_index limit $limit offset $offset;

-- name: account_history
select ledger, change, reason, job_id, block, timestamp, tx_hash, finality(block) as finality
from history_view where account = $account
order by block, log_index, ledger, change limit $limit offset $offset;

-- name: stakes
select account, role, total, locked, unbonding, release_at from stake_view
where ($account::varchar is null or account = $account) order by account, role;

-- name: reputation
select * from reputation_view
where ($provider::varchar is null or provider = $provider)
order by points desc, provider limit $limit offset $offset;

-- name: ratings
select r.job_id, r.provider, r.consumer, r.stars, o.points, r.block, r.timestamp, r.tx_hash,
       finality(r.block) as finality
from ratings r left join outcomes o on o.job_id = r.job_id
where ($provider::varchar is null or r.provider = $provider) and ($job_id::varchar is null or r.job_id = $job_id)
order by r.block desc, r.log_index desc limit $limit offset $offset;

-- name: attributes
select * exclude (log_index), finality(block) as finality
from attribute_view
where ($provider::varchar is null or provider = $provider)
  and ($auditor::varchar is null or auditor = $auditor)
  and ($name::varchar is null or name = $name)
order by provider, name, attribute_slot(value), auditor nulls first;

-- name: providers
select provider, count(*) filter (kind = 1) as declared, count(*) filter (kind = 2) as attested, sum(points) as points
from (
    select provider, block, log_index, 0 as kind, 0 as points from declarations
    union all select provider, block, log_index, 0, 0 from attestations
    union all select provider, block, log_index, case when auditor is null then 1 else 2 end, 0 from attribute_view
    union all select provider, block, log_index, 0, points from outcomes
)
where ($provider::varchar is null or provider = $provider)
group by provider order by points desc, max((block, log_index)) desc limit $limit offset $offset;

-- name: requirements
select hash, requirements, block, timestamp, tx_hash, finality(block) as finality
from requirements where ($hash::varchar is null or hash = $hash)
order by block desc, log_index desc limit $limit offset $offset;

-- name: events
select block, timestamp, log_index, tx_hash, contract, address, name, args, finality(block) as finality
from events
where ($tx_hash::varchar is null or tx_hash = $tx_hash)
  and ($contract::varchar is null or contract = $contract)
  and ($name::varchar is null or name = $name)
order by block desc, log_index desc limit $limit offset $offset;

-- name: blocks
select number, hash, parent_hash, timestamp from blocks
where ($before::bigint is null or number < $before) order by number desc limit $limit;

-- name: marks
select name, value from marks order by name;
