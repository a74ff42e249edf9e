// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IAssetRegistryErrors} from "../contracts/errors/IAssetRegistryErrors.sol";
import {ICommitmentErrors} from "../contracts/errors/ICommitmentErrors.sol";
import {IAssetRegistry, Parent, Publication, Royalty, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {Kind, Tier} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";

contract AssetRegistryTest is MarketBase {
    function _refuse(address account, Publication memory p, bytes memory reason) private {
        _commitTo(account, p);
        vm.expectRevert(reason);
        vm.prank(account);
        registry.publish(p, "salt");
    }

    /// A publication that would go through: each test breaks one thing.
    function _fresh() private pure returns (Publication memory) {
        return _publication("labs", "model", "2.0.0", "another manifest");
    }

    function _commitHandle(address account, string memory handle) private {
        bytes32 commitment = _commitment(account, "mlm/claim/1", keccak256(bytes(handle)), "salt");
        vm.prank(account);
        registry.commit(commitment);
    }

    // ---------------------------------------------------------------- handles, commit and reveal

    function test_claimHandle() public {
        _commitHandle(BOB, "bob");
        vm.roll(block.number + 1);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.HandleClaimed(keccak256("bob"), BOB, "bob");
        vm.prank(BOB);
        registry.claimHandle("bob", "salt");
        vm.assertEq(registry.handleOwner("bob"), BOB);
    }

    function test_aCopierGainsNothing() public {
        _commitHandle(BOB, "bob");
        vm.roll(block.number + 1);
        // Alice sees the claim in the mempool: a copied commitment is not hers, and one of her own is too young.
        bytes32 copied = _commitment(BOB, "mlm/claim/1", keccak256("bob"), "salt");
        bytes32 own = _commitment(ALICE, "mlm/claim/1", keccak256("bob"), "salt");
        vm.startPrank(ALICE);
        registry.commit(copied);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, ALICE, own));
        registry.claimHandle("bob", "salt");
        registry.commit(own);
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentTooYoung.selector, own, block.number));
        registry.claimHandle("bob", "salt");
        vm.stopPrank();
        vm.prank(BOB);
        registry.claimHandle("bob", "salt");
    }

    function test_aCommitmentExpiresAndServesOnce() public {
        bytes32 commitment = _commitment(BOB, "mlm/claim/1", keccak256("bob"), "salt");
        _commitHandle(BOB, "bob");
        vm.roll(block.number + 1);
        vm.warp(START + 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(ICommitmentErrors.CommitmentExpired.selector, commitment, START + 1 days)
        );
        vm.prank(BOB);
        registry.claimHandle("bob", "salt");
        vm.warp(START + 1 days - 1);
        vm.startPrank(BOB);
        registry.claimHandle("bob", "salt");
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, BOB, commitment));
        registry.claimHandle("bob", "salt");
        vm.stopPrank();
        vm.assertEq(registry.commitmentOf(BOB, commitment).timestamp, 0);
    }

    function test_aTakenOrMalformedHandle() public {
        _commitHandle(BOB, "labs");
        _commitHandle(BOB, "Labs");
        vm.roll(block.number + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.HandleTaken.selector, "labs", OWNER));
        vm.prank(BOB);
        registry.claimHandle("labs", "salt");
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.HandleInvalid.selector, "Labs"));
        vm.prank(BOB);
        registry.claimHandle("Labs", "salt");
    }

    // ---------------------------------------------------------------- publishing

    function test_firstVersionCreatesTheAsset() public {
        Publication memory p = _publication("bob", "net", "0.1.0", "bob's manifest");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Zk, "key");
        p.usePrice = 3;
        uint256 id =
            uint256(keccak256(abi.encode(keccak256("mlm/asset/1"), block.chainid, address(registry), "bob", "net")));
        bytes32 version = keccak256(abi.encode(keccak256("mlm/version/1"), id, p.manifest));
        _commitTo(BOB, p);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.HandleClaimed(keccak256("bob"), BOB, "bob");
        vm.expectEmit(address(registry));
        emit IAssetRegistry.AssetCreated(id, BOB, "bob", "net", Kind.Model);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.VersionPublished(id, version, BOB, "0.1.0", p.manifest, "Apache-2.0", p.parents);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.KeySet(version, Tier.Zk, "key");
        vm.expectEmit(address(registry));
        emit IAssetRegistry.PriceSet(version, 3, 0);
        vm.prank(BOB);
        registry.publish(p, "salt");

        vm.assertEq(registry.ownerOf(id), BOB);
        vm.assertEq(registry.tokenIdOf("bob", "net"), id);
        vm.assertEq(registry.versionNamed(id, "0.1.0"), version);
        vm.assertEq(uint256(registry.kindOf(id)), uint256(Kind.Model));
        vm.assertEq(registry.keyOf(version, Tier.Zk), "key");
        (uint256 ofVersion, bytes32 manifest) = registry.versionOf(version);
        vm.assertEq(ofVersion, id);
        vm.assertEq(manifest, p.manifest);
        (address receiver, uint256 royalty) = registry.royaltyInfo(id, 10_000);
        vm.assertEq(receiver, BOB);
        vm.assertEq(royalty, 500);
    }

    function test_laterVersionsKeepTheAsset() public {
        Publication memory p = _fresh();
        p.resaleBps = 1_000;
        (uint256 id,) = _publish(OWNER, p);
        vm.assertEq(id, tokenId);
        (, uint256 royalty) = registry.royaltyInfo(id, 10_000);
        vm.assertEq(royalty, 500);
    }

    function test_aBuyerPublishesAndTheSellerNoLonger() public {
        vm.prank(OWNER);
        registry.transferFrom(OWNER, BOB, tokenId);
        _refuse(
            OWNER, _fresh(), abi.encodeWithSelector(IAssetRegistryErrors.NotAssetOwner.selector, tokenId, BOB, OWNER)
        );
        _publish(BOB, _fresh());
        // The handle stays with whoever claimed it: the buyer creates no other asset under it.
        _refuse(
            BOB,
            _publication("labs", "other", "1.0.0", "m"),
            abi.encodeWithSelector(IAssetRegistryErrors.NotHandleOwner.selector, "labs", OWNER, BOB)
        );
    }

    function test_malformedText() public {
        Publication memory p = _publication("-bad", "net", "1.0.0", "m");
        _refuse(BOB, p, abi.encodeWithSelector(IAssetRegistryErrors.HandleInvalid.selector, "-bad"));
        p = _publication("bob", "../net", "1.0.0", "m");
        _refuse(BOB, p, abi.encodeWithSelector(IAssetRegistryErrors.NameInvalid.selector, "../net"));
        p = _publication("bob", "net", "1.0", "m");
        _refuse(BOB, p, abi.encodeWithSelector(IAssetRegistryErrors.VersionInvalid.selector, "1.0"));
        p = _publication("bob", "net", "1.0.0", "m");
        p.licence = "";
        _refuse(BOB, p, abi.encodeWithSelector(IAssetRegistryErrors.LicenceInvalid.selector, ""));
        vm.assertEq(registry.handleOwner("bob"), address(0));
    }

    function test_versionsAndManifestsAreUnique() public {
        Publication memory p = _fresh();
        p.version = "1.0.0";
        _refuse(
            OWNER,
            p,
            abi.encodeWithSelector(IAssetRegistryErrors.VersionNameTaken.selector, tokenId, "1.0.0", versionId)
        );
        p = _fresh();
        p.manifest = sha256("manifest of the model");
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.VersionAlreadyPublished.selector, versionId));
        p.manifest = 0;
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.ManifestMissing.selector, tokenId));
    }

    function test_kindIsTheAssets() public {
        Publication memory p = _fresh();
        p.kind = Kind.Dataset;
        _refuse(
            OWNER,
            p,
            abi.encodeWithSelector(IAssetRegistryErrors.KindMismatch.selector, tokenId, Kind.Model, Kind.Dataset)
        );
    }

    function test_sharesAreBounded() public {
        Publication memory p = _fresh();
        p.ownerBps = 9_001;
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.OwnerShareTooHigh.selector, 9_000, 9_001));
        p = _publication("bob", "net", "1.0.0", "m");
        p.resaleBps = 1_001;
        _refuse(BOB, p, abi.encodeWithSelector(IAssetRegistryErrors.ResaleShareTooHigh.selector, 1_000, 1_001));
    }

    function test_commitmentCoversEverything() public {
        Publication memory p = _fresh();
        _commitTo(OWNER, p);
        p.usePrice = 1;
        bytes32 changed = _commitment(OWNER, "mlm/publish/1", keccak256(abi.encode(p)), "salt");
        vm.expectRevert(abi.encodeWithSelector(ICommitmentErrors.CommitmentMissing.selector, OWNER, changed));
        vm.prank(OWNER);
        registry.publish(p, "salt");
    }

    // ---------------------------------------------------------------- lineage

    function _parents(uint256 count) private returns (uint256[] memory ids) {
        ids = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            string memory name = vm.toString(i);
            (ids[i],) = _publish(PARENT_OWNER, _publication("base", name, "1.0.0", name));
        }
    }

    function test_fifteenParentsShareTheWhole() public {
        uint256[] memory ids = _parents(15);
        Publication memory p = _fresh();
        p.parents = new Parent[](15);
        for (uint256 i = 0; i < 15; ++i) {
            p.parents[i] = Parent(ids[i], i == 0 ? 676 : 666);
        }
        (, bytes32 version) = _publish(OWNER, p);
        Royalty memory royalty = registry.royaltyOf(version);
        vm.assertEq(royalty.payees.length, 16);
        vm.assertEq(royalty.bps[1], 676);
        p.version = "3.0.0";
        p.manifest = "m";
        p.parents[0].bps = 677;
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.ParentSharesTooHigh.selector, 10_000, 10_001));
        p.parents = new Parent[](16);
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.TooManyParents.selector, 15, 16));
    }

    /// Every parent's share comes back from where it was stored.
    /// forge-config: default.fuzz.runs = 32
    /// forge-config: fuzz.fuzz.runs = 2500
    function testFuzz_sharesAreKept(uint256 count, uint256 seed) public {
        count = _within(count, 0, 15);
        uint256[] memory ids = _parents(15);
        Publication memory p = _publication("labs", "shares", "1.0.0", "shares");
        p.usePrice = uint128(seed);
        p.ownerBps = uint16(seed % 9_001);
        p.parents = new Parent[](count);
        uint256 left = 10_000;
        for (uint256 i = 0; i < count; ++i) {
            // The first ones large, so that neighbours of 16 bits would show.
            uint16 bps = uint16(uint256(keccak256(abi.encode(seed, i))) % (left + 1));
            p.parents[i] = Parent(ids[i], bps);
            left -= bps;
        }
        (, bytes32 version) = _publish(OWNER, p);
        vm.prank(OWNER);
        registry.setPrice(version, p.usePrice, p.ownerBps);
        Royalty memory royalty = registry.royaltyOf(version);
        vm.assertEq(royalty.usePrice, p.usePrice);
        vm.assertEq(royalty.ownerBps, p.ownerBps);
        vm.assertEq(royalty.payees.length, count + 1);
        vm.assertEq(royalty.bps.length, count + 1);
        for (uint256 i = 0; i < count; ++i) {
            vm.assertEq(royalty.bps[i + 1], p.parents[i].bps);
            vm.assertEq(royalty.payees[i + 1], registry.ownerOf(ids[i]));
        }
    }

    function test_parentsAreKnownAndDistinct() public {
        uint256 parent = registry.tokenIdOf("base", "weights");
        Publication memory p = _fresh();
        p.parents = new Parent[](2);
        p.parents[0] = Parent(parent, 1);
        p.parents[1] = Parent(12345, 1);
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.ParentUnknown.selector, 12345));
        p.parents[1] = Parent(parent, 1);
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.ParentRepeated.selector, parent));
        p.parents[1] = Parent(tokenId, 1);
        _refuse(OWNER, p, abi.encodeWithSelector(IAssetRegistryErrors.ParentRepeated.selector, tokenId));
    }

    function test_royaltiesFollowTheOwners() public {
        Royalty memory royalty = registry.royaltyOf(versionId);
        vm.assertEq(royalty.usePrice, 2 * ONE);
        vm.assertEq(royalty.payees[0], OWNER);
        vm.assertEq(royalty.payees[1], PARENT_OWNER);
        vm.assertEq(royalty.bps[0], 0);
        uint256 parent = registry.tokenIdOf("base", "weights");
        vm.prank(PARENT_OWNER);
        registry.transferFrom(PARENT_OWNER, BOB, parent);
        vm.assertEq(registry.royaltyOf(versionId).payees[1], BOB);
    }

    // ---------------------------------------------------------------- keys and prices

    function test_aKeyIsSetOnceByTheOwner() public {
        (, bytes32 version) = _publish(OWNER, _fresh());
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.NotAssetOwner.selector, tokenId, OWNER, BOB));
        vm.prank(BOB);
        registry.setKey(version, Tier.Zk, "key");
        vm.startPrank(OWNER);
        registry.setKey(version, Tier.Zk, "key");
        vm.expectRevert(
            abi.encodeWithSelector(IAssetRegistryErrors.KeyAlreadySet.selector, version, Tier.Zk, bytes32("key"))
        );
        registry.setKey(version, Tier.Zk, "other");
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.KeyZero.selector, version, Tier.Tee));
        registry.setKey(version, Tier.Tee, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.TierWithoutKey.selector, Tier.None));
        registry.setKey(version, Tier.None, "key");
        vm.stopPrank();
    }

    function test_aPriceIsTheOwners() public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistryErrors.NotAssetOwner.selector, tokenId, OWNER, BOB));
        vm.prank(BOB);
        registry.setPrice(versionId, 1, 1);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.PriceSet(versionId, 7, 8);
        vm.prank(OWNER);
        registry.setPrice(versionId, 7, 8);
        vm.assertEq(registry.royaltyOf(versionId).usePrice, 7);
        vm.assertEq(registry.royaltyOf(versionId).ownerBps, 8);
    }

    function test_unknownVersion() public {
        bytes memory reason = abi.encodeWithSelector(IAssetRegistryErrors.VersionUnknown.selector, bytes32("?"));
        vm.expectRevert(reason);
        registry.versionOf("?");
        vm.expectRevert(reason);
        registry.royaltyOf("?");
        vm.expectRevert(reason);
        registry.setPrice("?", 1, 1);
        vm.expectRevert(reason);
        registry.setKey("?", Tier.Zk, "key");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        registry.kindOf(1);
        vm.assertEq(registry.versionNamed(tokenId, "9.9.9"), 0);
    }

    function test_interfaces() public view {
        vm.assertTrue(registry.supportsInterface(0x80ac58cd)); // ERC-721
        vm.assertTrue(registry.supportsInterface(0x2a55205a)); // ERC-2981
        vm.assertTrue(registry.supportsInterface(0x01ffc9a7)); // ERC-165
        vm.assertEq(registry.supportsInterface(0xffffffff), false);
    }
}
