// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What a seller offers; the id of the sale covers all of it.
struct Offer {
    address collection; // ERC-721: AssetRegistry, or any other, which is treated as hostile
    uint256 tokenId;
    uint128 reserve; // least first bid, in base units of the payment token; at least 1
    uint16 minStepBps; // of the best bid, by which the next one must be higher
    uint32 duration; // seconds from the opening to the end
    uint32 extension; // a bid within the last `extension` seconds moves the end to `extension` seconds after it
}

/// A sale's facts as a reader wants them; its state follows from them and the clock (libraries/SaleStates.sol).
struct Sale {
    address seller;
    uint48 openedAt;
    uint48 endsAt; // bids are taken before it
    uint48 latestEnd; // late bids move the end up to here
    address collection;
    uint256 tokenId;
    uint128 reserve;
    uint16 minStepBps;
    uint32 extension;
    address bidder; // the best so far, then the winner; 0: nobody
    uint128 price; // of the best bid
    uint128 nextLeast; // what the next bid has to be; 2^128 - 1 where no higher one can be
    address escrow; // holds the token, and gets what the token earns meanwhile
    bool refunded; // the winner of a lapsed sale has its money back
    uint48 closedAt; // 0: the escrow still holds the token
}

enum SaleState {
    Unknown,
    Open, // takes bids
    Sold, // the winner can take the token
    Unsold, // nobody bid: the seller can take the token back
    Lapsed, // the token was not taken in time: the winner has its money back, the seller can take the token back
    Delivered, // the token is the winner's, the money is credited
    Returned, // the token is the seller's again
    Cancelled // by the seller, before the first bid
}

/// Why an account was credited.
enum SaleReason {
    Outbid,
    Proceeds,
    Royalty, // ERC-2981
    Refund,
    Earnings // of the token while it was in escrow
}

/// Whoever pays the owner of a token by credits: JobMarket pays an asset's.
interface ICreditSource {
    function withdraw() external returns (uint256 amount);
    function creditOf(address account) external view returns (uint256);
}

/// @title English auctions of ERC-721 tokens
/// @notice The token waits in an escrow of its own, the best bid's money here. Whoever is outbid is credited in the same
/// transaction; credits are withdrawn. ASSUMPTION: nothing is known of a collection; of its tokens only what `ownerOf` said
/// before and after each transfer. A bidder trusts the collection it bids on, and nobody else has to.
interface IAssetSale {
    event SaleOpened(
        bytes32 indexed saleId,
        address indexed collection,
        address indexed seller,
        uint256 tokenId,
        uint256 nonce,
        uint128 reserve,
        uint16 minStepBps,
        uint32 duration,
        uint32 extension,
        address escrow
    );
    event SaleBidPlaced(bytes32 indexed saleId, address indexed bidder, uint128 amount, uint48 endsAt);
    /// `to` got the token; `price` is what the winner paid, 0 where nobody did.
    event SaleClosed(bytes32 indexed saleId, address indexed to, SaleState state, uint128 price);
    event SaleCredited(bytes32 indexed saleId, address indexed account, SaleReason indexed reason, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice Puts the caller's token up for sale; needs its approval for this contract.
    /// saleId = keccak256(abi.encode(keccak256("mlm/sale/1"), chainid, sale, seller, nonce, offer)).
    /// @param nonce Chosen by the seller; the same offer with the same nonce cannot be made twice.
    function open(Offer calldata offer, uint256 nonce) external returns (bytes32 saleId);

    /// @notice Bids `amount` in all and pulls it; the best bidder, bidding higher, pays the difference. The outbid is credited.
    function bid(bytes32 saleId, uint128 amount) external;

    /// @notice Takes the token back before the first bid. Seller only.
    function cancel(bytes32 saleId) external;

    /// @notice Ends a sale whose bids are over: the token goes to whoever it belongs to, and the money is credited.
    /// @param to The winner of a sold sale, the seller of one unsold or lapsed: anybody may call. They themselves may name
    /// another recipient, if the collection refuses them.
    function settle(bytes32 saleId, address to) external;

    /// @notice Credits the winner of a lapsed sale, also when the token cannot be moved. Anyone may call.
    function refund(bytes32 saleId) external;

    /// @notice Credits the seller with what the token earned in escrow. Anyone may call, also after the sale.
    function collect(bytes32 saleId) external returns (uint256 amount);

    /// @notice Pays the caller everything credited to it.
    function withdraw() external returns (uint256 amount);

    function stateOf(bytes32 saleId) external view returns (SaleState);
    function saleOf(bytes32 saleId) external view returns (Sale memory);
    function creditOf(address account) external view returns (uint256);

    /// @notice Where a sale's token waits; an account that only this contract commands.
    function escrowOf(bytes32 saleId) external view returns (address);
    /// @notice Sum of the best bids of sales that are neither closed nor refunded.
    function totalEscrow() external view returns (uint256);
    /// @notice Sum of all credits not yet withdrawn.
    function totalCredit() external view returns (uint256);
}
