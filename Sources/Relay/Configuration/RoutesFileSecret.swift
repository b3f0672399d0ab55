import JSON

/// Where a secret is kept; the routes file holds nothing more of it.
package enum SecretReference: Sendable, Hashable, CustomStringConvertible {
    /// A variable of the environment.
    case environment(String)
    /// A file; a relative path starts at the routes file's directory.
    case file(String)
    /// A systemd credential, or a file of that name where there is no systemd.
    case credential(String)

    package var description: String {
        switch self {
        case .environment(let name): "the environment variable \(Words.quoted(name))"
        case .file(let path): "the file \(Words.quoted(path))"
        case .credential(let name): "the credential \(Words.quoted(name))"
        }
    }

    /// What a key is called where it has no label.
    var name: String {
        switch self {
        case .environment(let name), .file(let name), .credential(let name): name
        }
    }
}

/// A secret as the file declares it: the reference, and how its bytes are to be read.
struct SecretDeclaration: Sendable, Hashable {
    enum Encoding: String, Sendable, CaseIterable {
        case text, hex, base64
    }

    let reference: SecretReference
    let encoding: Encoding
    let prefix: String
    let place: FilePlace

    /// The same bytes come of it, wherever it stands.
    func isSame(as other: SecretDeclaration) -> Bool {
        reference == other.reference && encoding == other.encoding && prefix == other.prefix
    }
}

/// A text that stands in the file itself or is a secret.
enum TextDeclaration: Sendable {
    case plain(String, FilePlace)
    case secret(SecretDeclaration)

    var place: FilePlace {
        switch self {
        case .plain(_, let place): place
        case .secret(let declaration): declaration.place
        }
    }
}

extension Field {
    static let referenceExample = "{\"credential\": \"NAME\"}, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}"

    /// A reference to a secret; a secret written plainly is refused, and not repeated.
    func secret() -> SecretDeclaration? {
        guard var reader = secretReader() else { return nil }
        defer { reader.finish() }
        return reader.secret()
    }

    /// The members of a reference, for whoever knows more keys of it (`label`).
    func secretReader() -> ObjectReader? {
        if isString {
            error("a secret may not be written here: refer to it by \(Field.referenceExample)")
            return nil
        }
        return object("a reference such as \(Field.referenceExample)")
    }

    /// A plain text or a reference to a secret one.
    func textOrSecret() -> TextDeclaration? {
        switch node.kind {
        case .string(let text): return .plain(text, place)
        case .object: return secret().map(TextDeclaration.secret)
        default:
            mustBe("a string or a reference such as \(Field.referenceExample)")
            return nil
        }
    }
}

extension ObjectReader {
    /// Reads the keys of a secret reference; `finish` stays with the caller.
    mutating func secret() -> SecretDeclaration? {
        let fields = [optional("credential"), optional("env"), optional("file")]
        let encoding = optional("encoding")?.word(SecretDeclaration.Encoding.self) ?? .text
        let prefixField = optional("prefix")
        let prefix = prefixField?.text() ?? ""
        if !prefix.isEmpty, let fault = HeaderRules.valueFault(prefix.utf8) { prefixField?.error(fault) }
        guard let reference = reference(fields) else { return nil }
        return SecretDeclaration(reference: reference, encoding: encoding, prefix: prefix, place: field.place)
    }

    private mutating func reference(_ fields: [Field?]) -> SecretReference? {
        let given = fields.compactMap { $0 }
        guard given.count < 2 else {
            field.error("only one of \"credential\", \"env\" and \"file\" may be given")
            return nil
        }
        guard !given.isEmpty else {
            missingOneOf(["credential", "env", "file"], "refer to a secret by \(Field.referenceExample)")
            return nil
        }
        if let name = fields[0]?.credentialName() { return .credential(name) }
        if let name = fields[1]?.variableName() { return .environment(name) }
        if let path = fields[2]?.filePath() { return .file(path) }
        return nil
    }
}

extension Field {
    /// Names of systemd credentials are file names of ASCII (systemd.exec(5)).
    fileprivate func credentialName() -> String? {
        guard let name = text() else { return nil }
        let isName = name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") }
        guard isName, (1...255).contains(name.utf8.count), name != ".", name != ".." else {
            error("must be the name of a credential: a file name without \"/\" and spaces")
            return nil
        }
        return name
    }

    fileprivate func variableName() -> String? {
        guard let name = text() else { return nil }
        let isName = name.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
            default: false
            }
        }
        guard isName, !name.isEmpty else {
            error("must be the name of an environment variable: letters, digits and \"_\", no digit first")
            return nil
        }
        return name
    }

    /// A path that can be handed to C.
    func filePath() -> String? {
        guard let path = text("a path") else { return nil }
        guard !path.isEmpty, path.utf8.count < 4096, !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            error("must be the path of a file, without control characters")
            return nil
        }
        return path
    }
}
