import Glibc
import Testing

@testable import Receiver

/// Which descriptor is ours, decided from the environment; the sockets themselves are in Tests/Outside.
struct PassedSocketTests {
    private func decide(_ variables: [String: String]) throws(PassedSocket.Fault) -> CInt? {
        try PassedSocket.descriptor(passedTo: 42) { variables[$0] }
    }

    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "42"], ["LISTEN_PID": "42", "LISTEN_FDS": "0"],
        ["LISTEN_PID": "43", "LISTEN_FDS": "1"], ["LISTEN_PID": "43", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"],
        ["LISTEN_PID": "x", "LISTEN_FDS": "1"],
    ])
    func leavesAloneWhatIsNotMeantForIt(variables: [String: String]) throws {
        #expect(try decide(variables) == nil)
    }

    @Test(arguments: [nil, "", "public"])
    func takesTheOneSocket(name: String?) throws {
        let variables = ["LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": name].compactMapValues(\.self)
        #expect(try decide(variables) == 3)
    }

    @Test(arguments: [
        ("2", "public:public", "ListenStream="), ("-1", "", "ListenStream="), ("one", "", "ListenStream="),
        ("1", "admin", "FileDescriptorName=public"), ("1", "gruveo-relay.socket", "FileDescriptorName=public"),
        ("1", "public:public", "FileDescriptorName=public"),
    ])
    func saysHowToMendWhatItCannotTake(count: String, name: String, fix: String) {
        let fault = #expect(throws: PassedSocket.Fault.self) {
            try decide(["LISTEN_PID": "42", "LISTEN_FDS": count, "LISTEN_FDNAMES": name])
        }
        #expect(fault?.message.contains(fix) == true)
    }
}
