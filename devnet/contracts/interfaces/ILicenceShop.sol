// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Params} from "../base/MarketTerms.sol";
import {Point, SealedKey} from "../libraries/KeyExchange.sol";
import {IAssetRegistry} from "./IAssetRegistry.sol";
import {IFeeShares} from "./IFeeShares.sol";
import {LicenceTerms} from "./ILicenceToken.sol";
import {Reason} from "./Types.sol";

/// At which price, and how, a class is sold now.
struct LicenceOffer {
    address seller; // who made it; it holds while that account owns the asset
    bytes32 versionId; // whose lineage shares the price, and whose key is delivered
    uint128 price; // of one unit
    uint64 stock; // units left; 2^64 - 1: no limit
    uint32 delivery; // seconds that the seller may take to deliver the key; 0: no key is delivered
}

/// What a buyer agrees to: an offer that says something else by then is refused.
struct Purchase {
    uint256 classId;
    bytes32 versionId;
    uint64 units;
    uint128 maxPrice; // for all units together
    uint32 delivery;
    Point reader; // for whom the key is sealed; (0, 0) where none is delivered
    uint256 nonce; // chosen by the buyer
}

/// A purchase with what the shop froze of the world; whoever acts on the order brings it, and its id covers all of it.
struct Order {
    uint256 classId;
    bytes32 versionId;
    address buyer;
    uint64 units;
    uint128 price; // for all units together, in escrow until the order ends
    uint32 delivery;
    Point reader;
    uint16 treasuryBps; // of the protocol fee
    uint16 stakersBps; // of the same; the rest of it burns
    address[] payees; // payees[0] is the seller, who delivers, and takes the remainder
    uint16[] bps;
    uint256 nonce;
}

/// An order's life (docs/licences.md holds the one table). Computed from stored facts and the clock, never stored.
enum OrderState {
    Unknown,
    Ordered, // the seller can deliver the key
    Overdue, // it did not in time: the buyer can have its money back
    Delivered, // the buyer can complain of the key, or accept it
    Payable, // it did neither in time: the order can be settled
    Settled, // the licence is the buyer's, the price is credited
    Refunded, // no key came
    Rejected // the key was wrong, and the buyer has its money back
}

/// The parts of the market that a licence's price goes to. JobMarket.
interface IMarketParts {
    function token() external view returns (IERC20);
    function registry() external view returns (IAssetRegistry);
    function vault() external view returns (address);
    function feeShares() external view returns (IFeeShares);
    function params() external view returns (Params memory);
}

/// @title The first sale of licences, and the fair exchange of a content key for its price
interface ILicenceShop {
    event LicenceOffered(
        uint256 indexed classId,
        uint256 indexed tokenId,
        address indexed seller,
        bytes32 versionId,
        uint128 price,
        uint64 stock,
        uint32 delivery
    );
    event LicenceOrdered(bytes32 indexed orderId, uint256 indexed classId, address indexed buyer, Order order);
    event LicenceDelivered(
        bytes32 indexed orderId, uint256 indexed classId, address indexed buyer, uint256 x, uint256 y, bytes32 wrapped
    );
    /// Settled, Refunded or Rejected. `licenceId` is what the buyer got, or 0.
    event LicenceOrderClosed(
        bytes32 indexed orderId, uint256 indexed classId, address indexed buyer, OrderState state, uint256 licenceId
    );
    event LicenceCredited(bytes32 indexed orderId, address indexed account, Reason indexed reason, uint256 amount);

    /// @notice Offers licences of the caller's asset, or changes what is offered; a stock of 0 ends it. Defines the class
    /// where it is new.
    /// @param delivery Needs the version's content key to be committed to (ContentKeys), unless it is 0.
    function offer(LicenceTerms calldata terms, bytes32 versionId, uint128 price, uint64 stock, uint32 delivery)
        external
        returns (uint256 classId);

    /// @notice Buys under the offer that stands, and pulls its price. Without a key to deliver the licence comes at once.
    /// orderId = keccak256(abi.encode(keccak256("mlm/licence-order/1"), chainid, shop, order)).
    function buy(Purchase calldata purchase) external returns (bytes32 orderId);

    /// @notice Delivers the version's key for the order's reader, with ref = orderId in its pad. The seller of the order only.
    function deliver(Order calldata order, SealedKey calldata key) external;

    /// @notice Shows that the delivered key is wrong: rejects the order and credits the buyer the whole price. Anyone may
    /// call who knows the secret. It is public from then on, and with it the key, if that was right: then this reverts.
    /// @param secret Of the order's reader: secret·G is that point.
    function complain(Order calldata order, SealedKey calldata key, uint256 secret) external;

    /// @notice Gives the buyer its licence, and the price to those it belongs to: by the buyer once the key is delivered, by
    /// anybody once the time for a complaint is over.
    function settle(Order calldata order) external returns (uint256 licenceId);

    /// @notice Credits the buyer the whole price of an order whose key did not come in time. Anyone may call.
    function refund(Order calldata order) external;

    /// @notice Sends what was burned of protocol fees to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    function stateOf(bytes32 orderId) external view returns (OrderState);
    function offerOf(uint256 classId) external view returns (LicenceOffer memory);
    function orderIdOf(Order calldata order) external view returns (bytes32);
    /// @notice Sum of the prices of orders that have not ended.
    function totalEscrow() external view returns (uint256);
}
