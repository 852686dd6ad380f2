//! The fleets among the examples do what their pages say.

use super::{Fleet, ROOT};
use crate::support::root;
use expect_test::expect;

fn example(folder: &str, names: &[&str]) -> Fleet {
    let fleet = Fleet::of(&[]);
    for name in names {
        let text = std::fs::read_to_string(root().join("examples").join(folder).join(name)).expect("it is there");
        fleet.write(name, &text);
    }
    fleet
}

#[test]
fn every_host_of_the_mesh_knows_the_others() {
    let fleet = example("mesh", &["fleet.pcl", "host.pcl"]);
    let words = ["fleet", "apply", "fleet.pcl"];
    let outcome = fleet.with(words.iter().chain(&ROOT), &[("WG_PRIVATE_KEY", "the key of whoever this is")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    expect![[r#"
        [Interface]
        PrivateKey = the key of whoever this is
        ListenPort = 51820

        [Peer]
        PublicKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
        AllowedIPs = 10.7.0.1/32
        Endpoint = ams.example.com:51820

        [Peer]
        PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
        AllowedIPs = 10.7.0.3/32
        Endpoint = cph.example.com:51820
    "#]]
    .assert_eq(&fleet.read("hosts/ssh___root_ber.example.com/etc/wireguard/mesh.conf"));
}
