// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SaleEscrow} from "./SaleEscrow.sol";
import {Payments} from "./base/Payments.sol";
import {SaleCredits} from "./base/SaleCredits.sol";
import {IAssetSale, ICreditSource, Offer, Sale, SaleKind, SaleReason, SaleState} from "./interfaces/IAssetSale.sol";
import {Asking} from "./libraries/Asking.sol";
import {EnglishRules} from "./libraries/EnglishRules.sol";
import {Lot, Lots} from "./libraries/Lots.sol";
import {
    MAX_SALE_DURATION,
    MAX_SALE_EXTENSION,
    MAX_SALE_OVERTIME,
    MAX_SALE_STEP_BPS,
    MIN_SALE_STEP_BPS,
    MIN_SALE_WINDOW
} from "./libraries/SaleLimits.sol";
import {SaleRecord, SaleStates} from "./libraries/SaleStates.sol";

/// @title Sales of assets, licences and any other ERC-721 token or ERC-1155 units, in one lot each
/// @notice Immutable: no owner, no fee, no pause. Rules and states: docs/sale.md.
/// INVARIANT: totalEscrow is the sum of the best bids of sales that are neither closed nor refunded.
/// INVARIANT: a sale pays the winner's money once: to seller and royalty with the lot's delivery, or back.
/// SAFETY: every function that writes holds one guard, so a collection or token that calls back finds it closed.
contract AssetSale is SaleCredits {
    using Lots for Lot;
    using SaleStates for SaleRecord;

    bytes32 private constant SALE_DOMAIN = keccak256("mlm/sale/2");

    SaleEscrow private immutable _escrow;

    /// @dev Whoever credits the owners of what is sold here; written once, by the constructor.
    ICreditSource[] private _sources;

    mapping(bytes32 saleId => SaleRecord) private _sales;

    constructor(IERC20 token_, ICreditSource[] memory sources_) Payments(token_) {
        for (uint256 i = 0; i < sources_.length; ++i) {
            _present("source", address(sources_[i]));
        }
        _sources = sources_;
        _escrow = new SaleEscrow();
    }

    // ---------------------------------------------------------------- the seller

    /// @inheritdoc IAssetSale
    function open(Offer calldata offer, uint256 nonce) external nonReentrant returns (bytes32 saleId) {
        uint40 expiresAt = Asking.expiry(offer.collection, offer.tokenId);
        _checkOffer(offer, expiresAt);
        saleId = keccak256(abi.encode(SALE_DOMAIN, block.chainid, address(this), msg.sender, nonce, offer));
        SaleRecord storage sale = _sales[saleId];
        if (sale.openedAt != 0) revert SaleAlreadyOpened(saleId);
        _record(sale, offer, expiresAt);
        Lot memory lot = _lotOf(sale);
        uint256 held = lot.heldBy(msg.sender);
        if (held < lot.size()) revert LotNotHeld(lot.collection, lot.tokenId, msg.sender, lot.size(), held);
        address escrow = Clones.cloneDeterministic(address(_escrow), saleId);
        emit SaleOpened(saleId, offer.collection, msg.sender, nonce, offer, expiresAt, escrow);
        uint256 expected = lot.heldBy(escrow) + lot.size();
        lot.move(msg.sender, escrow);
        _needHeld(lot, escrow, expected);
    }

    /// @inheritdoc IAssetSale
    function cancel(bytes32 saleId) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Open);
        if (msg.sender != sale.seller) revert NotSeller(saleId, sale.seller, msg.sender);
        if (sale.bidder != address(0)) revert SaleHasBid(saleId, sale.bidder);
        _close(saleId, sale, msg.sender, SaleState.Cancelled, 0);
        _handOver(sale, escrowOf(saleId), msg.sender);
    }

    // ---------------------------------------------------------------- bidders and buyers

    /// @inheritdoc IAssetSale
    function bid(bytes32 saleId, uint128 amount) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        uint256 least = _need(saleId, sale, true);
        if (amount < least) revert BidTooLow(saleId, least, amount);
        uint128 best = sale.price;
        address outbid = sale.bidder;
        uint40 endsAt = EnglishRules.endAfter(block.timestamp, sale.endsAt, sale.extension, sale.latestEnd);
        _lead(saleId, sale, amount, endsAt);
        // SaleBidPlaced says it.
        // slither-disable-next-line events-maths
        totalEscrow += amount - best;
        // Whoever betters its own bid pays the difference.
        if (outbid == msg.sender) return _pull(amount - best);
        _credit(saleId, outbid, SaleReason.Outbid, best);
        _pull(amount);
    }

    /// @inheritdoc IAssetSale
    function buy(bytes32 saleId, uint128 maxPrice, address to) external nonReentrant returns (uint128 price) {
        SaleRecord storage sale = _sales[saleId];
        // SAFETY: a price that falls is at most the start.
        // forge-lint: disable-next-line(unsafe-typecast)
        price = uint128(_need(saleId, sale, false));
        if (price > maxPrice) revert PriceAboveLimit(saleId, maxPrice, price);
        _needRecipient(saleId, to);
        // forge-lint: disable-next-line(unsafe-typecast)
        _lead(saleId, sale, price, uint40(block.timestamp));
        _pay(saleId, sale, price);
        _close(saleId, sale, to, SaleState.Delivered, price);
        _pull(price);
        _handOver(sale, escrowOf(saleId), to);
    }

    /// @inheritdoc IAssetSale
    function take(bytes32 saleId, address to) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Delivered);
        if (msg.sender != sale.bidder) revert NotEntitled(saleId, sale.bidder, msg.sender);
        _needRecipient(saleId, to);
        address keep = keepOf(saleId);
        if (keep.code.length == 0) revert NothingKept(saleId);
        _handOver(sale, keep, to);
    }

    // ---------------------------------------------------------------- anyone

    /// @inheritdoc IAssetSale
    function settle(bytes32 saleId, address to) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        SaleState state = sale.at(block.timestamp);
        bool sold = state == SaleState.Sold;
        if (!sold && state != SaleState.Unsold && state != SaleState.Lapsed) revert SaleNotClosable(saleId, state);
        address entitled = sold ? sale.bidder : sale.seller;
        // A winner that refuses units does not get out of its bid by it.
        bool kept = sold && sale.units != 0 && msg.sender == sale.seller && to == keepOf(saleId);
        if (!kept && to != entitled && msg.sender != entitled) revert NotEntitled(saleId, entitled, msg.sender);
        if (!kept) _needRecipient(saleId, to);
        uint128 price = sold ? sale.price : 0;
        if (sold) {
            totalEscrow -= price;
            _pay(saleId, sale, price);
        } else if (state == SaleState.Lapsed && !sale.refunded) {
            _refund(saleId, sale);
        }
        _close(saleId, sale, to, sold ? SaleState.Delivered : SaleState.Returned, price);
        // slither-disable-next-line unused-return
        if (kept) Clones.cloneDeterministic(address(_escrow), _keepSalt(saleId));
        _handOver(sale, escrowOf(saleId), to);
    }

    /// @inheritdoc IAssetSale
    function refund(bytes32 saleId) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Lapsed);
        if (sale.refunded) revert SaleAlreadyRefunded(saleId);
        _refund(saleId, sale);
    }

    /// @inheritdoc IAssetSale
    // What an escrow has drawn is known only after it drew, and nothing else moves the balance meanwhile: all that does holds the guard.
    // slither-disable-next-line reentrancy-balance,reentrancy-no-eth,reentrancy-benign
    function collect(bytes32 saleId) external nonReentrant returns (uint256 amount) {
        SaleRecord storage sale = _sales[saleId];
        // Without an opening there is no escrow to ask.
        if (sale.openedAt == 0) revert SaleInState(saleId, SaleState.Open, SaleState.Unknown);
        address keep = keepOf(saleId);
        amount = _draw(saleId, escrowOf(saleId), sale.seller);
        if (keep.code.length != 0) amount += _draw(saleId, keep, sale.bidder);
        if (amount == 0) revert NothingEarned(saleId);
    }

    /// @inheritdoc IAssetSale
    function stateOf(bytes32 saleId) external view returns (SaleState) {
        return _sales[saleId].at(block.timestamp);
    }

    /// @inheritdoc IAssetSale
    function saleOf(bytes32 saleId) external view returns (Sale memory) {
        SaleRecord storage sale = _sales[saleId];
        uint256 least = sale.openedAt == 0 ? 0 : sale.least(block.timestamp);
        return Sale({
            seller: sale.seller,
            openedAt: sale.openedAt,
            endsAt: sale.endsAt,
            latestEnd: sale.latestEnd,
            expiresAt: sale.expiresAt,
            kind: sale.kindOf(),
            collection: sale.collection,
            tokenId: sale.tokenId,
            units: sale.units,
            startPrice: sale.startPrice,
            reserve: sale.reserve,
            minStepBps: sale.minStepBps,
            extension: sale.extension,
            bidder: sale.bidder,
            price: sale.price,
            nextLeast: least > type(uint128).max ? type(uint128).max : uint128(least),
            escrow: escrowOf(saleId),
            refunded: sale.refunded,
            closedAt: sale.closedAt
        });
    }

    /// @inheritdoc IAssetSale
    function escrowOf(bytes32 saleId) public view returns (address) {
        return Clones.predictDeterministicAddress(address(_escrow), saleId);
    }

    /// @inheritdoc IAssetSale
    function keepOf(bytes32 saleId) public view returns (address) {
        return Clones.predictDeterministicAddress(address(_escrow), _keepSalt(saleId));
    }

    /// @inheritdoc IAssetSale
    function sources() external view returns (ICreditSource[] memory) {
        return _sources;
    }

    /// @inheritdoc IAssetSale
    function isMoving() external view returns (bool) {
        return _reentrancyGuardEntered();
    }

    // ---------------------------------------------------------------- money

    /// @dev The caller leads, or buys: the state is Open, and `amount` stands.
    function _lead(bytes32 saleId, SaleRecord storage sale, uint128 amount, uint40 endsAt) private {
        sale.endsAt = endsAt;
        sale.price = amount;
        sale.bidder = msg.sender;
        emit SaleBidPlaced(saleId, msg.sender, amount, endsAt);
    }

    /// @dev The royalty that the collection asks for, within its bound; the rest to the seller. Parts sum to the price.
    function _pay(bytes32 saleId, SaleRecord storage sale, uint128 price) private {
        (address receiver, uint256 asked) = Asking.royalty(sale.collection, sale.tokenId, price);
        uint256 royalty = receiver == address(0) ? 0 : EnglishRules.royalty(price, asked);
        _credit(saleId, receiver, SaleReason.Royalty, royalty);
        _credit(saleId, sale.seller, SaleReason.Proceeds, price - royalty);
    }

    /// @dev Everything that was credited to an escrow belongs to `account`, also what it was credited here: who owns an asset
    /// that is for sale has the royalties of its licences that are sold meanwhile.
    // slither-disable-next-line reentrancy-balance,reentrancy-no-eth,reentrancy-benign
    function _draw(bytes32 saleId, address escrow, address account) private returns (uint256 amount) {
        uint256 here = creditOf[escrow];
        if (here != 0) {
            totalCredit -= here;
            creditOf[escrow] = 0;
            emit Withdrawn(escrow, here);
        }
        uint256 before = token.balanceOf(address(this));
        SaleEscrow(escrow).draw(_sources, token);
        amount = here + token.balanceOf(address(this)) - before;
        _credit(saleId, account, SaleReason.Earnings, amount);
    }

    function _refund(bytes32 saleId, SaleRecord storage sale) private {
        sale.refunded = true;
        totalEscrow -= sale.price;
        _credit(saleId, sale.bidder, SaleReason.Refund, sale.price);
    }

    // ---------------------------------------------------------------- the lot

    function _close(bytes32 saleId, SaleRecord storage sale, address to, SaleState ending, uint128 paid) private {
        sale.ending = ending;
        sale.closedAt = uint40(block.timestamp);
        emit SaleClosed(saleId, to, ending, paid);
    }

    /// @dev From one of a sale's escrows: all of the lot, or nothing happens.
    function _handOver(SaleRecord storage sale, address escrow, address to) private {
        Lot memory lot = _lotOf(sale);
        uint256 expected = lot.heldBy(to) + lot.size();
        SaleEscrow(escrow).move(lot, to);
        _needHeld(lot, to, expected);
    }

    function _needHeld(Lot memory lot, address account, uint256 expected) private view {
        uint256 held = lot.heldBy(account);
        if (held != expected) revert LotNotMoved(lot.collection, lot.tokenId, account, expected, held);
    }

    function _lotOf(SaleRecord storage sale) private view returns (Lot memory) {
        return Lot(sale.collection, sale.tokenId, sale.units);
    }

    /// @dev SAFETY: a lot that "moves" to where it is, or to a contract that cannot pass it on, is lost.
    function _needRecipient(bytes32 saleId, address to) private view {
        if (to == address(0) || to == address(this) || to == escrowOf(saleId) || to == keepOf(saleId)) {
            revert RecipientInvalid(saleId, to);
        }
    }

    function _keepSalt(bytes32 saleId) private pure returns (bytes32) {
        return keccak256(abi.encode(saleId));
    }

    // ---------------------------------------------------------------- facts

    function _checkOffer(Offer calldata offer, uint40 expiresAt) private view {
        bool rises = offer.startPrice == 0;
        _offered("reserve", offer.reserve, 1, type(uint128).max);
        if (!rises) _offered("startPrice", offer.startPrice, offer.reserve, type(uint128).max);
        _offered("minStepBps", offer.minStepBps, rises ? MIN_SALE_STEP_BPS : 0, rises ? MAX_SALE_STEP_BPS : 0);
        uint256 left = expiresAt > block.timestamp ? expiresAt - block.timestamp : 0;
        _offered("duration", offer.duration, MIN_SALE_WINDOW, left < MAX_SALE_DURATION ? left : MAX_SALE_DURATION);
        uint256 most = offer.duration < MAX_SALE_EXTENSION ? offer.duration : MAX_SALE_EXTENSION;
        _offered("extension", offer.extension, rises ? MIN_SALE_WINDOW : 0, rises ? most : 0);
    }

    function _offered(string memory name, uint256 actual, uint256 least, uint256 most) private pure {
        if (actual < least || actual > most) revert OfferOutOfBounds(name, actual, least, most);
    }

    function _record(SaleRecord storage sale, Offer calldata offer, uint40 expiresAt) private {
        uint256 endsAt = block.timestamp + offer.duration;
        uint256 latestEnd = offer.startPrice == 0 ? endsAt + MAX_SALE_OVERTIME : endsAt;
        sale.seller = msg.sender;
        sale.openedAt = uint40(block.timestamp);
        sale.endsAt = uint40(endsAt);
        sale.collection = offer.collection;
        sale.latestEnd = latestEnd < expiresAt ? uint40(latestEnd) : expiresAt;
        sale.extension = offer.extension;
        sale.minStepBps = offer.minStepBps;
        sale.tokenId = offer.tokenId;
        sale.reserve = offer.reserve;
        sale.expiresAt = expiresAt;
        if (offer.startPrice != 0 || offer.units != 0) (sale.startPrice, sale.units) = (offer.startPrice, offer.units);
    }

    /// @dev An open sale, of the kind that takes this move, and not of the caller's own: what it costs now at least.
    function _need(bytes32 saleId, SaleRecord storage sale, bool rises) private view returns (uint256) {
        _needState(saleId, sale, SaleState.Open);
        SaleKind kind = sale.kindOf();
        if (rises != (kind == SaleKind.English)) revert SaleKindUnsuited(saleId, kind);
        if (msg.sender == sale.seller) revert SellerCannotBid(saleId, msg.sender);
        return sale.least(block.timestamp);
    }

    function _needState(bytes32 saleId, SaleRecord storage sale, SaleState expected) private view {
        SaleState state = sale.at(block.timestamp);
        if (state != expected) revert SaleInState(saleId, expected, state);
    }
}
