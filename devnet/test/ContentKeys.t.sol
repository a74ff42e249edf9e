// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ContentKeys} from "../contracts/ContentKeys.sol";
import {IAssetRegistryErrors} from "../contracts/errors/IAssetRegistryErrors.sol";
import {IContentKeysErrors as Errors} from "../contracts/errors/IContentKeysErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IAssetRegistry} from "../contracts/interfaces/IAssetRegistry.sol";
import {IContentKeys} from "../contracts/interfaces/IContentKeys.sol";
import {KeyExchange, Point, SealedKey} from "../contracts/libraries/KeyExchange.sol";
import {LicenceBase} from "./LicenceBase.sol";
import {Shipped} from "./Shipped.sol";

contract ContentKeysTest is LicenceBase {
    bytes32 private constant DIGEST = keccak256("a digest");

    ContentKeys private fresh;

    function setUp() public override {
        super.setUp();
        fresh = Shipped.contentKeys(registry);
    }

    function test_commit() public {
        vm.expectEmit(address(fresh));
        emit IContentKeys.ContentKeyCommitted(versionId, OWNER, DIGEST);
        vm.prank(OWNER);
        fresh.commit(versionId, DIGEST);
        vm.assertEq(fresh.digestOf(versionId), DIGEST);
    }

    function test_aCommitmentIsForGood() public {
        vm.startPrank(OWNER);
        fresh.commit(versionId, DIGEST);
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.ContentKeyAlreadyCommitted.selector, versionId, DIGEST));
            fresh.commit(versionId, i == 0 ? DIGEST : keccak256("another"));
        }
        vm.stopPrank();
        // Nor does a new owner change it.
        vm.prank(OWNER);
        registry.transferFrom(OWNER, ALICE, tokenId);
        vm.expectRevert(abi.encodeWithSelector(Errors.ContentKeyAlreadyCommitted.selector, versionId, DIGEST));
        vm.prank(ALICE);
        fresh.commit(versionId, keccak256("another"));
    }

    function test_onlyTheOwnerCommits() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAssetOwner.selector, tokenId, OWNER, ALICE));
        vm.prank(ALICE);
        fresh.commit(versionId, DIGEST);
        vm.expectRevert(abi.encodeWithSelector(Errors.KeyDigestMissing.selector, versionId));
        vm.prank(OWNER);
        fresh.commit(versionId, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.VersionUnknown.selector, bytes32("nothing")));
        vm.prank(OWNER);
        fresh.commit("nothing", DIGEST);
    }

    function test_requestAndGrant() public {
        Point memory reader = _point(SECRET);
        vm.expectEmit(address(contentKeys));
        emit IContentKeys.ContentKeyRequested(versionId, BOB, reader.x, reader.y);
        vm.prank(BOB);
        contentKeys.request(versionId, reader);

        Point memory point = _point(EPHEMERAL);
        address shared = KeyExchange.multiply(EPHEMERAL, reader.x, reader.y);
        SealedKey memory key = SealedKey(point.x, point.y, KEY ^ KeyExchange.pad(shared, versionId, BOB, 0));
        vm.expectEmit(address(contentKeys));
        emit IContentKeys.ContentKeyGranted(versionId, BOB, ANYONE, key.x, key.y, key.wrapped);
        // Anybody may pass it on; the reader compares.
        vm.prank(ANYONE);
        contentKeys.grant(versionId, BOB, key);
        bytes32 found = KeyExchange.open(key, SECRET, versionId, BOB, 0);
        vm.assertEq(KeyExchange.digestOf(found), contentKeys.digestOf(versionId));
    }

    function test_whatNobodyCommittedToIsNeitherAskedForNorGranted() public {
        Point memory point = _point(SECRET);
        bytes memory refused = abi.encodeWithSelector(Errors.ContentKeyUncommitted.selector, versionId);
        vm.expectRevert(refused);
        fresh.request(versionId, point);
        vm.expectRevert(refused);
        fresh.grant(versionId, BOB, SealedKey(point.x, point.y, 0));
    }

    function test_garbagePoints() public {
        Point memory point = _point(SECRET);
        uint256[2][5] memory bad = [
            [uint256(0), 0],
            [point.x, point.y + 1],
            [point.y, point.x],
            [point.x, KeyExchange.FIELD + 1],
            [type(uint256).max, type(uint256).max]
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory refused = abi.encodeWithSelector(Errors.PointInvalid.selector, bad[i][0], bad[i][1]);
            vm.expectRevert(refused);
            contentKeys.request(versionId, Point(bad[i][0], bad[i][1]));
            vm.expectRevert(refused);
            contentKeys.grant(versionId, BOB, SealedKey(bad[i][0], bad[i][1], KEY));
        }
    }

    function test_needsARegistry() public {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "registry"));
        Shipped.contentKeys(IAssetRegistry(ALICE));
    }
}
