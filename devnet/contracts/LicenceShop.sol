// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Params} from "./base/MarketTerms.sol";
import {Payments} from "./base/Payments.sol";
import {PullCredits} from "./base/PullCredits.sol";
import {ILicenceShopErrors} from "./errors/ILicenceShopErrors.sol";
import {IAssetRegistry, Royalty} from "./interfaces/IAssetRegistry.sol";
import {IContentKeys} from "./interfaces/IContentKeys.sol";
import {IFeeShares} from "./interfaces/IFeeShares.sol";
import {ILicenceShop, IMarketParts, LicenceOffer, Order, OrderState, Purchase} from "./interfaces/ILicenceShop.sol";
import {ILicenceToken, LicenceKind, LicenceTerms} from "./interfaces/ILicenceToken.sol";
import {Reason} from "./interfaces/Types.sol";
import {KeyExchange, SealedKey} from "./libraries/KeyExchange.sol";
import {MAX_KEY_DELIVERY, MIN_KEY_DELIVERY, NEVER, UNLIMITED_STOCK} from "./libraries/LicenceLimits.sol";
import {BURN_ADDRESS} from "./libraries/Limits.sol";
import {OrderRecord, OrderStates} from "./libraries/OrderStates.sol";
import {Settlement} from "./libraries/Settlement.sol";

/// @title Sells licences, with or without the key of what they allow to use (docs/licences.md)
/// @notice A key is exchanged for its price: the price waits here until the buyer has accepted the key or was silent for a day,
/// and goes back if none came or the buyer shows that it is wrong. No owner, no upgrade, no parameter.
/// INVARIANT: totalEscrow is the sum of the prices of orders that have not ended, and
/// token.balanceOf(this) >= totalEscrow + totalCredit; equal unless somebody donates.
/// INVARIANT: an order ends once, and its parts sum to its price.
/// INVARIANT: a licence is minted for a settled order, and for nothing else.
/// SAFETY: every function that writes holds one guard; nobody is called but the deployment's own contracts and the token.
contract LicenceShop is ILicenceShop, ILicenceShopErrors, PullCredits {
    bytes32 private constant ORDER_DOMAIN = keccak256("mlm/licence-order/1");

    /// @dev SAFETY: as deployed. A chain that splits off takes another chainid, and could name no order here by it: what waits would be lost.
    uint256 private immutable _chainId = block.chainid;

    IAssetRegistry public immutable registry;
    ILicenceToken public immutable licences;
    IContentKeys public immutable contentKeys;
    IFeeShares public immutable feeShares;
    /// @notice Draws the stakers' part of the protocol fee.
    address public immutable vault;
    address public immutable treasury;
    /// @notice Of a price, the job market's own.
    uint16 public immutable protocolFeeBps;

    /// @inheritdoc ILicenceShop
    uint256 public totalEscrow;

    mapping(uint256 classId => LicenceOffer) private _offers;
    mapping(bytes32 orderId => OrderRecord) private _orders;

    /// @param market_ Says which token is paid, and who takes the protocol fee: as for jobs.
    constructor(IMarketParts market_, ILicenceToken licences_, IContentKeys contentKeys_) Payments(market_.token()) {
        if (address(licences_).code.length == 0) revert AddressMissing("licences");
        if (address(contentKeys_).code.length == 0) revert AddressMissing("contentKeys");
        Params memory p = market_.params();
        (registry, vault, feeShares) = (market_.registry(), market_.vault(), market_.feeShares());
        (licences, contentKeys) = (licences_, contentKeys_);
        (treasury, protocolFeeBps) = (p.treasury, p.protocolFeeBps);
    }

    // ---------------------------------------------------------------- the seller

    /// @inheritdoc ILicenceShop
    // The class's id comes from the token; all that writes holds the guard.
    // slither-disable-next-line reentrancy-no-eth,reentrancy-benign
    function offer(LicenceTerms calldata terms, bytes32 versionId, uint128 price, uint64 stock, uint32 delivery)
        external
        nonReentrant
        returns (uint256 classId)
    {
        address owner = _ownerOf(terms.tokenId);
        if (owner != msg.sender) revert NotAssetOwner(terms.tokenId, owner, msg.sender);
        // Reverts for an unknown version. The manifest is not asked for.
        // slither-disable-next-line unused-return
        (uint256 tokenId,) = registry.versionOf(versionId);
        if (tokenId != terms.tokenId) revert VersionMismatch(versionId, terms.tokenId, tokenId);
        if (delivery != 0) {
            if (delivery < MIN_KEY_DELIVERY || delivery > MAX_KEY_DELIVERY) {
                revert DeliveryOutOfBounds(delivery, MIN_KEY_DELIVERY, MAX_KEY_DELIVERY);
            }
            if (contentKeys.digestOf(versionId) == 0) revert ContentKeyUncommitted(versionId);
        }
        classId = licences.defineClass(terms);
        _offers[classId] = LicenceOffer(msg.sender, versionId, price, stock, delivery);
        emit LicenceOffered(classId, tokenId, msg.sender, versionId, price, stock, delivery);
    }

    /// @inheritdoc ILicenceShop
    function deliver(Order calldata order, SealedKey calldata key) external nonReentrant {
        (bytes32 orderId, OrderRecord storage record) = _inState(order, OrderState.Ordered);
        address seller = order.payees[0];
        if (msg.sender != seller) revert NotSeller(orderId, seller, msg.sender);
        // SAFETY: a point that the EVM could not multiply would be beyond complaint.
        if (!KeyExchange.isPoint(key.x, key.y)) revert PointInvalid(key.x, key.y);
        record.deliveredAt = uint40(block.timestamp);
        record.sealedKey = keccak256(abi.encode(key));
        emit LicenceDelivered(orderId, order.classId, order.buyer, key.x, key.y, key.wrapped);
    }

    // ---------------------------------------------------------------- the buyer

    /// @inheritdoc ILicenceShop
    // What the order says comes from the registry and the fee shares; all that writes holds the guard.
    // slither-disable-next-line reentrancy-no-eth,reentrancy-benign
    function buy(Purchase calldata purchase) external nonReentrant returns (bytes32 orderId) {
        Order memory order = _order(purchase);
        orderId = _idOf(order);
        OrderRecord storage record = _orders[orderId];
        if (record.orderedAt != 0) revert OrderAlreadyMade(orderId);
        record.orderedAt = uint40(block.timestamp);
        record.deliverBy = uint40(block.timestamp + order.delivery);
        totalEscrow += order.price;
        emit LicenceOrdered(orderId, order.classId, msg.sender, order);
        // slither-disable-next-line unused-return
        if (order.delivery == 0) _settle(orderId, record, order, block.timestamp);
        if (order.price != 0) _pull(order.price);
    }

    /// @inheritdoc ILicenceShop
    function complain(Order calldata order, SealedKey calldata key, uint256 secret) external nonReentrant {
        (bytes32 orderId, OrderRecord storage record) = _inState(order, OrderState.Delivered);
        bytes32 sealedKey = keccak256(abi.encode(key));
        if (sealedKey != record.sealedKey) revert SealedKeyMismatch(orderId, record.sealedKey, sealedKey);
        address reader = KeyExchange.addressOf(order.reader.x, order.reader.y);
        address actual = KeyExchange.publicOf(secret);
        if (actual != reader) revert SecretMismatch(orderId, reader, actual);
        bytes32 found = KeyExchange.digestOf(KeyExchange.open(key, secret, order.versionId, order.buyer, orderId));
        if (found == contentKeys.digestOf(order.versionId)) revert KeyIsRight(orderId, found);
        _giveBack(orderId, record, order, OrderState.Rejected);
    }

    // ---------------------------------------------------------------- anyone

    /// @inheritdoc ILicenceShop
    function settle(Order calldata order) external nonReentrant returns (uint256 licenceId) {
        bytes32 orderId = _idOf(order);
        OrderRecord storage record = _orders[orderId];
        OrderState state = OrderStates.at(record, block.timestamp);
        if (state == OrderState.Delivered) {
            if (msg.sender != order.buyer) revert NotBuyer(orderId, order.buyer, msg.sender);
        } else if (state != OrderState.Payable) {
            revert OrderInState(orderId, OrderState.Payable, state);
        }
        return _settle(orderId, record, order, record.deliveredAt);
    }

    /// @inheritdoc ILicenceShop
    function refund(Order calldata order) external nonReentrant {
        (bytes32 orderId, OrderRecord storage record) = _inState(order, OrderState.Overdue);
        _giveBack(orderId, record, order, OrderState.Refunded);
    }

    /// @inheritdoc ILicenceShop
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    /// @inheritdoc ILicenceShop
    function stateOf(bytes32 orderId) external view returns (OrderState) {
        return OrderStates.at(_orders[orderId], block.timestamp);
    }

    /// @inheritdoc ILicenceShop
    function offerOf(uint256 classId) external view returns (LicenceOffer memory) {
        return _offers[classId];
    }

    /// @inheritdoc ILicenceShop
    function orderIdOf(Order calldata order) external view returns (bytes32) {
        return _idOf(order);
    }

    // ---------------------------------------------------------------- the order

    /// @dev What a purchase buys now, taken from the stock.
    function _order(Purchase calldata purchase) private returns (Order memory order) {
        uint256 classId = purchase.classId;
        LicenceOffer storage found = _offers[classId];
        LicenceOffer memory offered = found;
        if (offered.seller == address(0)) revert LicenceNotOffered(classId);
        if (purchase.versionId != offered.versionId || purchase.delivery != offered.delivery) {
            revert OfferChanged(classId, offered.versionId, offered.delivery);
        }
        uint64 units = purchase.units;
        if (units == 0) revert LicenceUnitsZero(classId);
        if (units > offered.stock) revert OfferSoldOut(classId, offered.stock, units);
        uint256 price = uint256(offered.price) * units;
        if (price > purchase.maxPrice) revert OfferPriceHigher(classId, purchase.maxPrice, price);
        // A reader where a key is delivered, and none where not.
        (uint256 x, uint256 y) = (purchase.reader.x, purchase.reader.y);
        if (offered.delivery == 0 ? x | y != 0 : !KeyExchange.isPoint(x, y)) revert PointInvalid(x, y);
        if (offered.stock != UNLIMITED_STOCK) found.stock = offered.stock - units;

        Royalty memory royalty = registry.royaltyOf(offered.versionId);
        // SAFETY: a new owner is not bound by what another offered, and could not deliver its key.
        if (royalty.payees[0] != offered.seller) revert OfferStale(classId, offered.seller, royalty.payees[0]);
        order.classId = classId;
        order.versionId = offered.versionId;
        order.buyer = msg.sender;
        order.units = units;
        order.price = SafeCast.toUint128(price);
        order.delivery = offered.delivery;
        order.reader = purchase.reader;
        (order.treasuryBps, order.stakersBps) = feeShares.feeShares();
        order.payees = royalty.payees;
        order.bps = royalty.bps;
        order.nonce = purchase.nonce;
    }

    /// @dev Escrow in: the price. Credits out: the same. The licence counts from when the key was delivered.
    function _settle(bytes32 orderId, OrderRecord storage record, Order memory order, uint256 from)
        private
        returns (uint256 licenceId)
    {
        record.ending = OrderState.Settled;
        totalEscrow -= order.price;
        LicenceTerms memory terms = licences.termsOf(order.classId);
        // SAFETY: the class's low 40 bits are zero, and a period ends long before 2^40.
        licenceId = order.classId | (terms.kind == LicenceKind.Period ? from + terms.period : NEVER);
        emit LicenceOrderClosed(orderId, order.classId, order.buyer, OrderState.Settled, licenceId);
        _pay(orderId, order);
        licences.mint(order.buyer, licenceId, order.units);
    }

    function _giveBack(bytes32 orderId, OrderRecord storage record, Order calldata order, OrderState ending) private {
        record.ending = ending;
        totalEscrow -= order.price;
        emit LicenceOrderClosed(orderId, order.classId, order.buyer, ending, 0);
        _credit(orderId, order.buyer, Reason.Refund, order.price);
    }

    // ---------------------------------------------------------------- money

    /// @dev The protocol fee, then the owner's part, which is all of the rest, shared with the parents. A gift costs no fee.
    function _pay(bytes32 orderId, Order memory order) private {
        uint256 price = order.price;
        if (price == 0) return;
        uint256 part = price - Settlement.feeUp(price, protocolFeeBps);
        // slither-disable-next-line unused-return
        (uint256 fee, uint256[] memory shares,) = Settlement.split(price, protocolFeeBps, part, 0, order.bps);
        (uint256 toTreasury, uint256 toStakers, uint256 burned) =
            Settlement.splitFee(fee, order.treasuryBps, order.stakersBps);
        _credit(orderId, treasury, Reason.ProtocolFee, toTreasury);
        _credit(orderId, vault, Reason.StakerReward, toStakers);
        _credit(orderId, BURN_ADDRESS, Reason.Burn, burned);
        _credit(orderId, order.payees[0], Reason.Payment, shares[0]);
        for (uint256 i = 1; i < shares.length; ++i) {
            _credit(orderId, order.payees[i], Reason.Royalty, shares[i]);
        }
    }

    function _credit(bytes32 orderId, address account, Reason reason, uint256 amount) private {
        if (amount == 0) return;
        _addCredit(account, amount);
        emit LicenceCredited(orderId, account, reason, amount);
    }

    // ---------------------------------------------------------------- facts

    function _inState(Order calldata order, OrderState expected)
        private
        view
        returns (bytes32 orderId, OrderRecord storage record)
    {
        orderId = _idOf(order);
        record = _orders[orderId];
        OrderState actual = OrderStates.at(record, block.timestamp);
        if (actual != expected) revert OrderInState(orderId, expected, actual);
    }

    function _idOf(Order memory order) private view returns (bytes32) {
        return keccak256(abi.encode(ORDER_DOMAIN, _chainId, address(this), order));
    }

    function _ownerOf(uint256 tokenId) private view returns (address) {
        return IERC721(address(registry)).ownerOf(tokenId);
    }
}
