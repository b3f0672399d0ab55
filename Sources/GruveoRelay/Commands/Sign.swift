import ArgumentParser
import JSON
import Relay
import Signatures

/// The scheme, the key and the body for the commands that sign.
struct SignatureOptions: ParsableArguments {
    enum Scheme: String, CaseIterable, ExpressibleByArgument {
        case gruveo
        case standardWebhooks = "standard-webhooks"
    }

    @Option(
        name: .customLong("key-env"),
        help: "The environment variable that holds the key, which never stands here itself.")
    var keyVariable: String

    @Option(help: "How: as Gruveo signs, or as Standard Webhooks.")
    var scheme = Scheme.gruveo

    @Option(help: "The webhook-id; required with standard-webhooks.")
    var id: String?

    @Option(help: "The webhook-timestamp in seconds; with standard-webhooks. To sign, the default is now.")
    var timestamp: Int64?

    @Argument(help: "The file with the body, - for standard input.")
    var file: String = "-"

    func validate() throws {
        switch scheme {
        case .gruveo where id != nil || timestamp != nil:
            throw ValidationError("--id and --timestamp belong to --scheme standard-webhooks")
        case .standardWebhooks where id?.isEmpty ?? true:
            throw ValidationError("--scheme standard-webhooks needs the event's --id")
        default: break
        }
    }

    func secret() throws -> Secret { try keyText(inVariable: keyVariable) }

    func body() throws -> [UInt8] { try readBody(file) }

    /// Says why the key cannot be used, and ends the command with 65.
    func using<Key>(_ make: (Secret) throws(KeyFault) -> Key) throws -> Key {
        let secret = try secret()
        do throws(KeyFault) { return try make(secret) } catch {
            Output.words("gruveo-relay: the environment variable \(keyVariable) \(error)")
            throw ExitStatus.badData
        }
    }
}

/// The bytes that a variable of the environment holds; one that is not set ends the command with 66.
private func keyText(inVariable name: String) throws -> Secret {
    guard let value = environment(name), !value.isEmpty else {
        Output.words("gruveo-relay: the environment variable \(name) is not set")
        throw ExitStatus.noInput
    }
    return Secret(Array(value.utf8))
}

/// The key of Gruveo that a variable of the environment holds.
func signingKey(inVariable name: String) throws -> HMACKey { HMACKey(try keyText(inVariable: name)) }

/// Reads a body for a command; a file that cannot be read ends it with 66 or 77.
func readBody(_ path: String) throws -> [UInt8] {
    try explainingFaults { () throws(FileFault) in try Files.read(path) }
}

/// Prints the signature that Gruveo would send, or the headers of Standard Webhooks.
struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the signature of a body: X-Gruveo-SHA256-HMAC in hex, or the headers of Standard Webhooks.",
        discussion: """
            With --scheme standard-webhooks the key is whsec_… (v1), whsk_… (v1a) or the bytes themselves (v1), and \
            the three header lines are what `curl --header @-` reads.
            """)

    @OptionGroup var options: SignatureOptions

    func validate() throws {
        // A line end would make a header of its own.
        if let id = options.id, !HeaderText.isToken(id) {
            throw ValidationError("--id must be what an event's id is: letters, digits, \"_\", \"-\" and the like")
        }
    }

    func run() throws {
        switch options.scheme {
        case .gruveo:
            Output.data(Hex.encode(HMACKey(try options.secret()).authenticate(try options.body())))
        case .standardWebhooks:
            let key = try options.using { secret throws(KeyFault) in try SigningKey(standardWebhooks: secret) }
            let signer = Signer(standardWebhooks: [key])
            let id = options.id ?? ""
            let time = options.timestamp ?? wallClock().seconds
            Output.data("webhook-id: \(id)")
            for header in signer.headers(id: id, timestampSeconds: time, body: try options.body()) {
                Output.data("\(header.name): \(header.value)")
            }
        }
    }
}

/// Checks a signature as the receiver would.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a signature against a body, as the receiver would.",
        discussion: """
            Exit code 0 where it is right, 65 where it is wrong. With --scheme standard-webhooks the key is whsec_…, \
            whpk_…, whsk_… or the bytes themselves, and it is right where one of the signatures is this key's. The \
            timestamp is not compared with the clock.
            """)

    @OptionGroup var options: SignatureOptions

    @Option(help: "The header's value: hex or base64, or all of webhook-signature.")
    var signature: String

    func validate() throws {
        if options.scheme == .standardWebhooks, options.timestamp == nil {
            throw ValidationError("--scheme standard-webhooks needs the --timestamp that was signed")
        }
    }

    func run() throws {
        guard try isRight() else {
            Output.words("wrong: this key does not give this signature for \(subject)")
            throw ExitStatus.badData
        }
        Output.words("right")
    }

    private var subject: String {
        options.scheme == .gruveo ? "these bytes" : "this id, this timestamp and these bytes"
    }

    private func isRight() throws -> Bool {
        switch options.scheme {
        case .gruveo:
            guard let decoded = IncomingSignature.decode(signature) else {
                Output.words("not a signature: expected 64 hex digits, or base64 of 32 bytes")
                throw ExitStatus.badData
            }
            let verifier = Verifier(keys: [(label: "key", key: HMACKey(try options.secret()))])
            return verifier.matchingKey(signature: decoded, body: try options.body()) != nil
        case .standardWebhooks:
            let key = try options.using { secret throws(KeyFault) in try VerifyingKey(standardWebhooks: secret) }
            return key.verifies(
                signature, id: options.id ?? "", timestampSeconds: options.timestamp ?? 0, body: try options.body())
        }
    }
}
