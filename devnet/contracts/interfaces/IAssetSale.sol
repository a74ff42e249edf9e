// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What a seller offers; the id of the sale covers all of it.
struct Offer {
    address collection; // AssetRegistry, LicenceToken, or any other, which is treated as hostile
    uint256 tokenId;
    uint128 units; // of an ERC-1155 id, sold as one lot; 0: the collection is ERC-721
    uint128 startPrice; // 0: an English auction; else what the lot costs at the opening, at least the reserve
    uint128 reserve; // least first bid, or the price at the end, in base units of the payment token; at least 1
    uint16 minStepBps; // English: of the best bid, by which the next one must be higher; else 0
    uint32 duration; // seconds from the opening to the end
    uint32 extension; // English: a bid within the last `extension` seconds moves the end to so many after it; else 0
}

/// How a lot finds its price; it follows from start and reserve.
enum SaleKind {
    English, // bids rise, each paid when it is made
    Dutch, // the price falls; whoever buys first has the lot
    Fixed // a Dutch one whose start is its reserve
}

/// A sale's facts as a reader wants them; its state follows from them and the clock (libraries/SaleStates.sol).
struct Sale {
    address seller;
    uint48 openedAt;
    uint48 endsAt; // bids and buyers are taken before it; of a lot that was bought: when that was
    uint48 latestEnd; // English: late bids move the end up to here
    uint48 expiresAt; // from here on the lot is worth nothing; 2^40 - 1: never
    SaleKind kind;
    address collection;
    uint256 tokenId;
    uint128 units;
    uint128 startPrice;
    uint128 reserve;
    uint16 minStepBps;
    uint32 extension;
    address bidder; // the best so far, then the winner or the buyer; 0: nobody
    uint128 price; // of the best bid, or what was paid
    uint128 nextLeast; // what the next bid has to be, or what the lot costs now; 2^128 - 1 where no higher one can be
    address escrow; // holds the lot, and gets what the lot earns meanwhile
    bool refunded; // the winner of a lapsed sale has its money back
    uint48 closedAt; // 0: the escrow still holds the lot
}

enum SaleState {
    Unknown,
    Open, // takes bids, or a buyer
    Sold, // the winner can take the lot
    Unsold, // nobody bid or bought: the seller can take the lot back
    Lapsed, // the lot was not taken in time, or has expired: the winner has its money back, the seller can take the lot back
    Delivered, // the lot is the winner's or the buyer's, the money is credited
    Returned, // the lot is the seller's again
    Cancelled // by the seller, before the first bid
}

/// Why an account was credited.
enum SaleReason {
    Outbid,
    Proceeds,
    Royalty, // ERC-2981
    Refund,
    Earnings // of the lot while it was in escrow
}

/// Whoever pays the owner of an asset or a licence by credits.
interface ICreditSource {
    function withdraw() external returns (uint256 amount);
    function creditOf(address account) external view returns (uint256);
}

/// A collection whose tokens end: LicenceToken.
interface IExpiring {
    /// @notice The second from which the token is worth nothing; 2^40 - 1 or more: never.
    function expiryOf(uint256 tokenId) external view returns (uint256);
}

/// @title Sales of ERC-721 tokens and of units of ERC-1155 ids: English, Dutch, and at a fixed price
/// @notice The lot waits in an escrow of its own, the best bid's money here. Whoever is outbid is credited in the same
/// transaction; credits are withdrawn. ASSUMPTION: nothing is known of a collection; of its tokens only what `ownerOf` or `balanceOf`
/// said before and after each transfer. Whoever bids or buys trusts the collection, and nobody else has to.
interface IAssetSale {
    event SaleOpened(
        bytes32 indexed saleId,
        address indexed collection,
        address indexed seller,
        uint256 nonce,
        Offer offer,
        uint48 expiresAt,
        address escrow
    );
    /// A purchase is the bid that ends the sale: `endsAt` is its own second, and SaleClosed follows.
    event SaleBidPlaced(bytes32 indexed saleId, address indexed bidder, uint128 amount, uint48 endsAt);
    /// `to` got the lot; `price` is what the winner paid, 0 where nobody did.
    event SaleClosed(bytes32 indexed saleId, address indexed to, SaleState state, uint128 price);
    event SaleCredited(bytes32 indexed saleId, address indexed account, SaleReason indexed reason, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice Puts the caller's lot up for sale; needs its approval for this contract.
    /// saleId = keccak256(abi.encode(keccak256("mlm/sale/2"), chainid, sale, seller, nonce, offer)).
    /// @param nonce Chosen by the seller; the same offer with the same nonce cannot be made twice.
    function open(Offer calldata offer, uint256 nonce) external returns (bytes32 saleId);

    /// @notice Bids `amount` in all and pulls it; the best bidder, bidding higher, pays the difference. The outbid is credited.
    /// English only.
    function bid(bytes32 saleId, uint128 amount) external;

    /// @notice Takes the lot for what it costs now: paid, delivered to `to` and credited at once, or nothing of it. Dutch and
    /// fixed only. The sale's id covers the token's, and with it a licence's class and expiry.
    /// @param maxPrice What the buyer pays at most.
    function buy(bytes32 saleId, uint128 maxPrice, address to) external returns (uint128 price);

    /// @notice Takes the lot back before the first bid. Seller only.
    function cancel(bytes32 saleId) external;

    /// @notice Ends a sale whose bids are over: the lot goes to whoever it belongs to, and the money is credited.
    /// @param to The winner of a sold sale, the seller of one unsold or lapsed: anybody may call. They themselves may name
    /// another recipient, if the collection refuses them. Where the winner refuses units, the seller may name `keepOf(saleId)`.
    function settle(bytes32 saleId, address to) external;

    /// @notice Hands the winner the units that it did not receive at the settlement. Winner only.
    function take(bytes32 saleId, address to) external;

    /// @notice Credits the winner of a lapsed sale, also when the lot cannot be moved. Anyone may call.
    function refund(bytes32 saleId) external;

    /// @notice Credits the seller with what the lot earned in escrow. Anyone may call, also after the sale.
    function collect(bytes32 saleId) external returns (uint256 amount);

    /// @notice Pays the caller everything credited to it.
    function withdraw() external returns (uint256 amount);

    function stateOf(bytes32 saleId) external view returns (SaleState);
    function saleOf(bytes32 saleId) external view returns (Sale memory);
    function creditOf(address account) external view returns (uint256);

    /// @notice Where a sale's lot waits; an account that only this contract commands.
    function escrowOf(bytes32 saleId) external view returns (address);
    /// @notice Where units wait that a winner did not receive; its own, and only it takes them.
    function keepOf(bytes32 saleId) external view returns (address);
    /// @notice Everybody whose credits to an escrow `collect` draws; as deployed.
    function sources() external view returns (ICreditSource[] memory);
    /// @notice Whether a function of this contract is running: only then escrows take units.
    function isMoving() external view returns (bool);
    /// @notice Sum of the best bids of sales that are neither closed nor refunded.
    function totalEscrow() external view returns (uint256);
    /// @notice Sum of all credits not yet withdrawn.
    function totalCredit() external view returns (uint256);
}
