// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deployer} from "../contracts/Deployer.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

/// Knows another contract's address before that one stands.
contract Partner {
    address public immutable other;

    error OtherIsNobody(uint256 why);

    constructor(address other_) {
        if (other_ == address(0)) revert OtherIsNobody(7);
        other = other_;
    }
}

/// Leaves no code behind.
contract Vanishing {
    constructor() {
        assembly {
            return(0, 0)
        }
    }
}

/// An account that is a contract: it deploys, and while its contract is being made it deploys under the same name again.
contract Greedy {
    Deployer private immutable deployer;

    constructor(Deployer deployer_) {
        deployer = deployer_;
    }

    function again() external {
        deployer.deploy("greedy", type(Vanishing).creationCode);
    }

    function start() external returns (address) {
        return deployer.deploy("greedy", abi.encodePacked(type(Calling).creationCode, abi.encode(this)));
    }
}

contract Calling {
    constructor(Greedy greedy) {
        greedy.again();
    }
}

contract DeployerTest is Base {
    Deployer private deployer;
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    event Deployed(address indexed account, address indexed created, bytes32 indexed initCodeHash, string name);

    function setUp() public {
        deployer = Shipped.deployer();
    }

    function _partner(address other) private pure returns (bytes memory) {
        return abi.encodePacked(type(Partner).creationCode, abi.encode(other));
    }

    function test_twoContractsKnowEachOther() public {
        address one = deployer.addressOf(ALICE, "one");
        address two = deployer.addressOf(ALICE, "two");
        vm.warp(1_234);
        vm.startPrank(ALICE);
        vm.expectEmit(address(deployer));
        emit Deployed(ALICE, one, keccak256(_partner(two)), "one");
        vm.assertEq(deployer.deploy("one", _partner(two)), one);
        vm.assertEq(deployer.deploy("two", _partner(one)), two);
        vm.assertEq(Partner(one).other(), two);
        vm.assertEq(Partner(two).other(), one);
        vm.assertEq(deployer.createdAt(one), 1_234);
        vm.assertEq(deployer.createdAt(ALICE), 0);
    }

    function test_nobodyTakesAnothersAddress() public {
        vm.prank(BOB);
        address bobs = deployer.deploy("one", _partner(BOB));
        vm.prank(ALICE);
        address alices = deployer.deploy("one", _partner(ALICE));
        vm.assertTrue(bobs != alices);
        vm.assertEq(bobs, deployer.addressOf(BOB, "one"));
        vm.assertEq(alices, deployer.addressOf(ALICE, "one"));
    }

    function test_aNameIsTakenOnce() public {
        vm.startPrank(ALICE);
        address one = deployer.deploy("one", _partner(BOB));
        vm.expectRevert(abi.encodeWithSelector(Deployer.NameTaken.selector, ALICE, "one", one));
        deployer.deploy("one", _partner(ALICE));
    }

    function test_aConstructorsRevertIsPassedOn() public {
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Partner.OtherIsNobody.selector, 7));
        deployer.deploy("one", _partner(address(0)));
        // The name is still free.
        deployer.deploy("one", _partner(BOB));
    }

    function test_whatLeavesNoCodeIsNotDeployed() public {
        address one = deployer.addressOf(ALICE, "one");
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Deployer.NotCreated.selector, one, one));
        deployer.deploy("one", type(Vanishing).creationCode);
    }

    function test_aNameIsTakenWhileItsContractIsMade() public {
        Greedy greedy = new Greedy(deployer);
        address created = deployer.addressOf(address(greedy), "greedy");
        vm.expectRevert(abi.encodeWithSelector(Deployer.NameTaken.selector, address(greedy), "greedy", created));
        greedy.start();
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function test_theAddressFollowsFromAccountAndNameAlone(address account, string calldata name, address other)
        public
    {
        vm.assume(account != address(0) && other != address(0));
        vm.prank(account);
        vm.assertEq(deployer.deploy(name, _partner(other)), deployer.addressOf(account, name));
    }
}
