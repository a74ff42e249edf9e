// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {SaleEscrow} from "./SaleEscrow.sol";
import {Payments} from "./base/Payments.sol";
import {SaleCredits} from "./base/SaleCredits.sol";
import {IAssetSale, ICreditSource, Offer, Sale, SaleReason, SaleState} from "./interfaces/IAssetSale.sol";
import {EnglishRules} from "./libraries/EnglishRules.sol";
import {
    MAX_SALE_DURATION,
    MAX_SALE_EXTENSION,
    MAX_SALE_OVERTIME,
    MAX_SALE_STEP_BPS,
    MIN_SALE_STEP_BPS,
    MIN_SALE_WINDOW
} from "./libraries/SaleLimits.sol";
import {SaleRecord, SaleStates} from "./libraries/SaleStates.sol";

/// @title English auctions of assets and of any other ERC-721 token
/// @notice Immutable: no owner, no fee, no pause. Rules and states: docs/sale.md.
/// INVARIANT: totalEscrow is the sum of the best bids of sales that are neither closed nor refunded.
/// INVARIANT: a sale pays the winner's money once: to seller and royalty with the token's delivery, or back.
/// SAFETY: every function that writes holds one guard, so a collection or token that calls back finds it closed.
contract AssetSale is SaleCredits {
    bytes32 private constant SALE_DOMAIN = keccak256("mlm/sale/1");

    /// @dev What a collection may use to answer `royaltyInfo`; OpenZeppelin's ERC-2981 needs about 5,000.
    uint256 private constant ROYALTY_GAS = 100_000;

    /// @notice Whoever credits the owners of tokens that are sold here: the job market.
    ICreditSource public immutable market;

    SaleEscrow private immutable _escrow;

    mapping(bytes32 saleId => SaleRecord) private _sales;

    constructor(IERC20 token_, ICreditSource market_) Payments(token_) {
        _present("market", address(market_));
        market = market_;
        _escrow = new SaleEscrow();
    }

    // ---------------------------------------------------------------- the seller

    /// @inheritdoc IAssetSale
    function open(Offer calldata offer, uint256 nonce) external nonReentrant returns (bytes32 saleId) {
        _checkOffer(offer);
        saleId = keccak256(abi.encode(SALE_DOMAIN, block.chainid, address(this), msg.sender, nonce, offer));
        SaleRecord storage sale = _sales[saleId];
        if (sale.openedAt != 0) revert SaleAlreadyOpened(saleId);
        _record(sale, offer);
        IERC721 collection = IERC721(offer.collection);
        address owner = collection.ownerOf(offer.tokenId);
        if (owner != msg.sender) revert NotTokenOwner(offer.collection, offer.tokenId, owner, msg.sender);
        address escrow = Clones.cloneDeterministic(address(_escrow), saleId);
        _emitOpened(saleId, offer, nonce, escrow);
        collection.transferFrom(msg.sender, escrow, offer.tokenId);
        _needOwner(collection, offer.tokenId, escrow);
    }

    /// @inheritdoc IAssetSale
    function cancel(bytes32 saleId) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Open);
        if (msg.sender != sale.seller) revert NotSeller(saleId, sale.seller, msg.sender);
        if (sale.bidder != address(0)) revert SaleHasBid(saleId, sale.bidder);
        _close(saleId, sale, msg.sender, SaleState.Cancelled, 0);
    }

    // ---------------------------------------------------------------- the bidders

    /// @inheritdoc IAssetSale
    function bid(bytes32 saleId, uint128 amount) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Open);
        if (msg.sender == sale.seller) revert SellerCannotBid(saleId, msg.sender);
        uint128 best = sale.price;
        uint256 least = EnglishRules.nextLeast(sale.reserve, sale.minStepBps, best);
        if (amount < least) revert BidTooLow(saleId, least, amount);
        address outbid = sale.bidder;
        uint40 endsAt = EnglishRules.endAfter(block.timestamp, sale.endsAt, sale.extension, sale.latestEnd);
        sale.endsAt = endsAt;
        sale.price = amount;
        totalEscrow += amount - best;
        emit SaleBidPlaced(saleId, msg.sender, amount, endsAt);
        // Whoever betters its own bid pays the difference.
        if (outbid == msg.sender) return _pull(amount - best);
        sale.bidder = msg.sender;
        _credit(saleId, outbid, SaleReason.Outbid, best);
        _pull(amount);
    }

    // ---------------------------------------------------------------- anyone

    /// @inheritdoc IAssetSale
    function settle(bytes32 saleId, address to) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        SaleState state = SaleStates.at(sale, block.timestamp);
        bool sold = state == SaleState.Sold;
        if (!sold && state != SaleState.Unsold && state != SaleState.Lapsed) revert SaleNotClosable(saleId, state);
        address entitled = sold ? sale.bidder : sale.seller;
        if (to != entitled && msg.sender != entitled) revert NotEntitled(saleId, entitled, msg.sender);
        // SAFETY: a token that "moves" to where it is, or to a contract that cannot pass it on, is lost.
        if (to == address(0) || to == address(this) || to == escrowOf(saleId)) revert RecipientInvalid(saleId, to);
        uint128 price = sold ? sale.price : 0;
        if (sold) _pay(saleId, sale, price);
        else if (state == SaleState.Lapsed && !sale.refunded) _refund(saleId, sale);
        _close(saleId, sale, to, sold ? SaleState.Delivered : SaleState.Returned, price);
    }

    /// @inheritdoc IAssetSale
    function refund(bytes32 saleId) external nonReentrant {
        SaleRecord storage sale = _sales[saleId];
        _needState(saleId, sale, SaleState.Lapsed);
        if (sale.refunded) revert SaleAlreadyRefunded(saleId);
        _refund(saleId, sale);
    }

    /// @inheritdoc IAssetSale
    // What comes in is known only after it came, and nothing else moves the balance meanwhile: all that does holds the guard.
    // slither-disable-next-line reentrancy-balance,reentrancy-benign
    function collect(bytes32 saleId) external nonReentrant returns (uint256 amount) {
        SaleRecord storage sale = _sales[saleId];
        // Without an opening there is no escrow to ask.
        if (sale.openedAt == 0) revert SaleInState(saleId, SaleState.Open, SaleState.Unknown);
        uint256 before = token.balanceOf(address(this));
        SaleEscrow(escrowOf(saleId)).draw(market, token);
        amount = token.balanceOf(address(this)) - before;
        if (amount == 0) revert NothingEarned(saleId);
        _credit(saleId, sale.seller, SaleReason.Earnings, amount);
    }

    /// @inheritdoc IAssetSale
    function stateOf(bytes32 saleId) external view returns (SaleState) {
        return SaleStates.at(_sales[saleId], block.timestamp);
    }

    /// @inheritdoc IAssetSale
    function saleOf(bytes32 saleId) external view returns (Sale memory) {
        SaleRecord memory sale = _sales[saleId];
        uint256 least = EnglishRules.nextLeast(sale.reserve, sale.minStepBps, sale.price);
        return Sale({
            seller: sale.seller,
            openedAt: sale.openedAt,
            endsAt: sale.endsAt,
            latestEnd: sale.latestEnd,
            collection: sale.collection,
            tokenId: sale.tokenId,
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

    // ---------------------------------------------------------------- money

    /// @dev The royalty that the collection asks for, within its bound; the rest to the seller. Parts sum to the price.
    function _pay(bytes32 saleId, SaleRecord storage sale, uint128 price) private {
        totalEscrow -= price;
        (address receiver, uint256 asked) = _royaltyInfo(sale.collection, sale.tokenId, price);
        uint256 royalty = receiver == address(0) ? 0 : EnglishRules.royalty(price, asked);
        _credit(saleId, receiver, SaleReason.Royalty, royalty);
        _credit(saleId, sale.seller, SaleReason.Proceeds, price - royalty);
    }

    function _refund(bytes32 saleId, SaleRecord storage sale) private {
        sale.refunded = true;
        totalEscrow -= sale.price;
        _credit(saleId, sale.bidder, SaleReason.Refund, sale.price);
    }

    /// @dev ERC-2981 of a collection that may lack it, revert, answer nonsense, or burn all gas it is given: then 0.
    /// At most two words of the answer are copied.
    function _royaltyInfo(address collection, uint256 tokenId, uint128 price)
        private
        view
        returns (address receiver, uint256 amount)
    {
        // SAFETY: 63/64 of what is left are passed on at most (EIP-150): whoever calls with less would skip the royalty.
        uint256 available = gasleft() - gasleft() / 64;
        if (available < ROYALTY_GAS) revert RoyaltyOutOfGas(ROYALTY_GAS, available);
        bytes memory data = abi.encodeCall(IERC2981.royaltyInfo, (tokenId, price));
        bool answered;
        uint256 word;
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // The scratch space holds the two words.
            answered := staticcall(ROYALTY_GAS, collection, add(data, 0x20), mload(data), 0x00, 0x40)
            answered := and(answered, gt(returndatasize(), 0x3f))
            word := mload(0x00)
            amount := mload(0x20)
        }
        if (!answered || word > type(uint160).max) return (address(0), 0);
        receiver = address(uint160(word));
    }

    // ---------------------------------------------------------------- the token

    /// @dev Marks the sale as closed and hands the token over: all or nothing.
    function _close(bytes32 saleId, SaleRecord storage sale, address to, SaleState ending, uint128 paid) private {
        sale.ending = ending;
        sale.closedAt = uint40(block.timestamp);
        emit SaleClosed(saleId, to, ending, paid);
        IERC721 collection = IERC721(sale.collection);
        uint256 tokenId = sale.tokenId;
        SaleEscrow(escrowOf(saleId)).move(collection, tokenId, to);
        _needOwner(collection, tokenId, to);
    }

    function _needOwner(IERC721 collection, uint256 tokenId, address expected) private view {
        address owner = collection.ownerOf(tokenId);
        if (owner != expected) revert TokenNotMoved(address(collection), tokenId, expected, owner);
    }

    // ---------------------------------------------------------------- facts

    function _checkOffer(Offer calldata offer) private pure {
        _offered("reserve", offer.reserve, 1, type(uint128).max);
        _offered("minStepBps", offer.minStepBps, MIN_SALE_STEP_BPS, MAX_SALE_STEP_BPS);
        _offered("duration", offer.duration, MIN_SALE_WINDOW, MAX_SALE_DURATION);
        uint256 most = offer.duration < MAX_SALE_EXTENSION ? offer.duration : MAX_SALE_EXTENSION;
        _offered("extension", offer.extension, MIN_SALE_WINDOW, most);
    }

    function _offered(string memory name, uint256 actual, uint256 least, uint256 most) private pure {
        if (actual < least || actual > most) revert OfferOutOfBounds(name, actual, least, most);
    }

    function _record(SaleRecord storage sale, Offer calldata offer) private {
        uint256 endsAt = block.timestamp + offer.duration;
        sale.seller = msg.sender;
        sale.openedAt = uint40(block.timestamp);
        sale.endsAt = uint40(endsAt);
        sale.collection = offer.collection;
        sale.latestEnd = uint40(endsAt + MAX_SALE_OVERTIME);
        sale.extension = offer.extension;
        sale.minStepBps = offer.minStepBps;
        sale.tokenId = offer.tokenId;
        sale.reserve = offer.reserve;
    }

    function _emitOpened(bytes32 saleId, Offer calldata offer, uint256 nonce, address escrow) private {
        emit SaleOpened(
            saleId,
            offer.collection,
            msg.sender,
            offer.tokenId,
            nonce,
            offer.reserve,
            offer.minStepBps,
            offer.duration,
            offer.extension,
            escrow
        );
    }

    function _needState(bytes32 saleId, SaleRecord storage sale, SaleState expected) private view {
        SaleState state = SaleStates.at(sale, block.timestamp);
        if (state != expected) revert SaleInState(saleId, expected, state);
    }
}
