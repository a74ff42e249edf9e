// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OrderState} from "../interfaces/ILicenceShop.sol";

/// Errors of LicenceShop.
interface ILicenceShopErrors {
    error NotAssetOwner(uint256 tokenId, address owner, address actual);
    /// The version belongs to another asset than the class.
    error VersionMismatch(bytes32 versionId, uint256 expected, uint256 actual);
    /// Seconds that the seller may take; 0 where no key is delivered.
    error DeliveryOutOfBounds(uint256 actual, uint256 least, uint256 most);
    error ContentKeyUncommitted(bytes32 versionId);

    error LicenceNotOffered(uint256 classId);
    /// The asset has another owner than when the offer was made: its owner can make a new one.
    error OfferStale(uint256 classId, address seller, address owner);
    error OfferChanged(uint256 classId, bytes32 versionId, uint32 delivery);
    error OfferSoldOut(uint256 classId, uint64 stock, uint64 units);
    error OfferPriceHigher(uint256 classId, uint128 most, uint256 actual);
    error LicenceUnitsZero(uint256 classId);
    /// Not a point of secp256k1, or one whose abscissa is not below the curve's order; or a reader where no key is delivered.
    error PointInvalid(uint256 x, uint256 y);

    error OrderAlreadyMade(bytes32 orderId);
    error OrderInState(bytes32 orderId, OrderState expected, OrderState actual);
    error NotSeller(bytes32 orderId, address expected, address actual);
    /// The buyer can settle an order earlier than others.
    error NotBuyer(bytes32 orderId, address expected, address actual);
    error SealedKeyMismatch(bytes32 orderId, bytes32 expected, bytes32 actual);
    /// The secret is not the order's reader's.
    error SecretMismatch(bytes32 orderId, address expected, address actual);
    /// The key is the one that the version's owner committed to: there is nothing to complain of.
    error KeyIsRight(bytes32 orderId, bytes32 keyDigest);
}
