import ArgumentParser
import JSON
import Relay
import Signatures

/// A key for the commands that sign: by name of a variable, never on the command line.
struct KeyOption: ParsableArguments {
    @Option(name: .customLong("key-env"), help: "The environment variable that holds the key.")
    var keyVariable: String

    func key() throws -> HMACKey { try signingKey(inVariable: keyVariable) }
}

/// The key that a variable of the environment holds; one that is not set ends the command with 66.
func signingKey(inVariable name: String) throws -> HMACKey {
    guard let value = environment(name), !value.isEmpty else {
        Output.words("gruveo-relay: the environment variable \(name) is not set")
        throw ExitStatus.noInput
    }
    return HMACKey(Secret(Array(value.utf8)))
}

/// Reads a body for a command; a file that cannot be read ends it with 66 or 77.
func readBody(_ path: String) throws -> [UInt8] {
    try explainingFaults { () throws(FileFault) in try Files.read(path) }
}

/// Prints the signature that Gruveo would send.
struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the X-Gruveo-SHA256-HMAC of a body, in hex.")

    @OptionGroup var key: KeyOption

    @Argument(help: "The file with the body, - for standard input.")
    var file: String = "-"

    func run() throws {
        let key = try key.key()
        Output.data(Hex.encode(key.authenticate(try readBody(file))))
    }
}

/// Checks a signature as the receiver would.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check an X-Gruveo-SHA256-HMAC against a body, as the receiver would.",
        discussion: "Exit code 0 where it is right, 65 where it is wrong.")

    @OptionGroup var key: KeyOption

    @Option(help: "The header's value: hex or base64.")
    var signature: String

    @Argument(help: "The file with the body, - for standard input.")
    var file: String = "-"

    func run() throws {
        guard let decoded = IncomingSignature.decode(signature) else {
            Output.words("not a signature: expected 64 hex digits, or base64 of 32 bytes")
            throw ExitStatus.badData
        }
        let verifier = Verifier(keys: [(label: "key", key: try key.key())])
        guard verifier.matchingKey(signature: decoded, body: try readBody(file)) != nil else {
            Output.words("wrong: this key does not give this signature for these bytes")
            throw ExitStatus.badData
        }
        Output.words("right")
    }
}
