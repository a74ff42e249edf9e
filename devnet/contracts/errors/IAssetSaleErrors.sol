// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SaleState} from "../interfaces/IAssetSale.sol";

/// Errors of AssetSale: each says which sale, what was expected and what was found.
interface IAssetSaleErrors {
    /// `name` is the field of the offer; seconds, basis points or base units.
    error OfferOutOfBounds(string name, uint256 actual, uint256 least, uint256 most);
    error SaleAlreadyOpened(bytes32 saleId);
    error SaleInState(bytes32 saleId, SaleState expected, SaleState actual);
    /// It takes bids still, or its token has left the escrow.
    error SaleNotClosable(bytes32 saleId, SaleState actual);
    error SaleHasBid(bytes32 saleId, address bidder);
    error SaleAlreadyRefunded(bytes32 saleId);

    error SellerCannotBid(bytes32 saleId, address seller);
    error BidTooLow(bytes32 saleId, uint256 least, uint256 actual);

    error NotSeller(bytes32 saleId, address expected, address actual);
    /// Only whoever the token belongs to may name another recipient.
    error NotEntitled(bytes32 saleId, address expected, address actual);
    error RecipientInvalid(bytes32 saleId, address to);

    error NotTokenOwner(address collection, uint256 tokenId, address expected, address actual);
    /// The collection took the transfer and moved nothing, or somewhere else.
    error TokenNotMoved(address collection, uint256 tokenId, address expected, address actual);
    /// Too little gas was given to ask the collection for its royalty: nobody may skip it by that.
    error RoyaltyOutOfGas(uint256 least, uint256 actual);

    error NothingEarned(bytes32 saleId);
    error NoCredit(address account);
}
