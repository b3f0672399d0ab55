import ArgumentParser
import Glibc
import JSON
import Relay
import Signatures

/// Makes a key for signing what goes out.
struct Keygen: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a key for signing what goes out, as Standard Webhooks writes it.",
        discussion: """
            --hmac (the default) prints a secret, whsec_…, that you and the receiver share. --ed25519 prints a private \
            key, whsk_…, for the relay, and a public key, whpk_…, for the receivers: who has only that one can verify \
            and not sign. Exit code 73 where FILE is there already: a key is never overwritten.
            """)

    enum Kind: String, EnumerableFlag {
        case hmac, ed25519

        static func help(for value: Kind) -> ArgumentHelp? {
            switch value {
            case .hmac: "A secret of 32 random bytes for HMAC-SHA256 (v1)."
            case .ed25519: "A private and a public key for Ed25519 (v1a)."
            }
        }
    }

    @Flag var kind = Kind.hmac

    @Option(
        help: ArgumentHelp(
            "Write the secret or private key to this new file, mode 0600, instead of printing it.", valueName: "file"),
        completion: .file())
    var out: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if out?.isEmpty == true { throw ValidationError("--out needs the name of a file") }
    }

    func run() throws {
        let key = try GeneratedKey(kind, random: randomBytes(32))
        if let out {
            try explainingCreation { () throws(FileFault) in try Files.create(out, with: Array("\(key.secret)\n".utf8))
            }
        }
        if json {
            Output.data(key.object(kind, file: out))
        } else {
            if out == nil { Output.data(key.secret) }
            if let publicKey = key.publicKey { Output.data(publicKey) }
        }
        words(key)
    }

    private func words(_ key: GeneratedKey) {
        if let out { Output.words(printable("The \(key.noun) is in \(out), readable for its owner only.")) }
        switch kind {
        case .hmac: Output.words("The relay and the receiver have the same key: hand it over where nobody listens.")
        case .ed25519: Output.words("whsk_… is for the relay alone; whpk_… is for the receivers, and no secret.")
        }
    }
}

/// A key as text, and its public part where it has one.
private struct GeneratedKey {
    let secret: String
    let publicKey: String?

    var noun: String { publicKey == nil ? "key" : "private key" }

    init(_ kind: Keygen.Kind, random: [UInt8]) throws {
        switch kind {
        case .hmac:
            secret = KeyMark.hmac.text(random)
            publicKey = nil
        case .ed25519:
            guard let key = Ed25519PrivateKey(Secret(random)) else {
                Output.words("gruveo-relay: \(KeyFault.unsupported)")
                throw ExitStatus.unreachable
            }
            secret = KeyMark.ed25519Private.text(random + key.publicKey.bytes)
            publicKey = KeyMark.ed25519Public.text(key.publicKey.bytes)
        }
    }

    func object(_ kind: Keygen.Kind, file: String?) -> JSONObject {
        var object = JSONObject(["kind": .string(kind.rawValue)])
        if let file { object.append("file", .string(file)) } else { object.append("secret", .string(secret)) }
        if let publicKey { object.append("public", .string(publicKey)) }
        return object
    }
}

/// Bytes from the system's generator, getrandom(2).
private func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}

/// Says in one line why a file cannot be made, and ends the command with 73, 74 or 77.
private func explainingCreation(_ body: () throws(FileFault) -> Void) throws {
    do throws(FileFault) { try body() } catch {
        let advice = error.code == EEXIST ? ": a key is never overwritten, choose another name" : ""
        Output.words(printable("gruveo-relay: \(error)\(advice)"))
        switch error.code {
        case EACCES, EPERM, EROFS: throw ExitStatus.noPermission
        case EEXIST, ENOENT, ENOTDIR, ELOOP, EISDIR, ENAMETOOLONG: throw ExitStatus.cannotCreate
        default: throw ExitStatus.ioError
        }
    }
}
