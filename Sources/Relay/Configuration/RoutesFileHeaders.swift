import Signatures

/// What may be sent as a header, looked at byte by byte: to Swift CR LF is one Character.
enum HeaderRules {
    /// The transfer's own (RFC 9110 sections 7.2, 7.6.1 and 8.6, RFC 9112 section 6.1).
    private static let transfer: Set = [
        "host", "content-length", "transfer-encoding", "connection", "expect", "keep-alive", "proxy-connection", "te",
        "trailer", "upgrade",
    ]

    /// Set by the relay on each request.
    private static let own: Set = [
        "webhook-id", "webhook-timestamp", "webhook-signature", "relay-attempt", "relay-destination", "relay-replay",
        "relay-original-id",
    ]

    /// Set by the schemes that have a header of their own.
    private static let signatures: Set = ["x-gruveo-sha256-hmac", "x-hub-signature-256"]

    /// Why no header may have this name; nil where it may.
    static func nameFault(_ name: String, isSignature: Bool = false) -> String? {
        let shown = Words.quoted(name)
        guard HeaderText.isToken(name) else {
            return "\(shown) is not a header name: letters, digits and !#$%&'*+.^_`|~- only"
        }
        let lower = name.lowercased()
        if transfer.contains(lower) { return "the header \(shown) belongs to the transfer: remove it" }
        if own.contains(lower) { return "the header \(shown) is set by the relay: remove it" }
        if isSignature, lower == "content-type" { return "the header \(shown) cannot hold a signature" }
        if !isSignature, signatures.contains(lower) { return "the header \(shown) is set by \"sign\": remove it" }
        return nil
    }

    /// Why no header may have this value, without the value; nil where it may.
    static func valueFault(_ bytes: some Sequence<UInt8>) -> String? {
        var isEmpty = true
        for byte in bytes {
            isEmpty = false
            switch byte {
            case 0x0A, 0x0D: return "a header may not hold a line break: remove it"
            case 0: return "a header may not hold NUL: remove it"
            case 0x09, 0x20...0x7E: continue
            default: return "a header may hold visible ASCII, spaces and tabs only"
            }
        }
        return isEmpty ? "a header may not be empty" : nil
    }

    /// Whether what stands in this header is usually a secret.
    static func isSensitive(_ name: String) -> Bool {
        let words = name.lowercased()
        // That one says which requests are the same, and is no key to anything.
        if words.hasSuffix("idempotency-key") { return false }
        return ["authorization", "cookie", "token", "secret", "password", "key"].contains { words.hasSuffix($0) }
    }
}

/// A header as the file declares it.
struct HeaderDeclaration: Sendable {
    let name: String
    let value: TextDeclaration
    let isSecret: Bool
    var template: HeaderTemplate?
}

/// How a destination is told who we are.
enum AuthDeclaration: Sendable {
    case bearer(SecretDeclaration)
    case basic(user: TextDeclaration, password: SecretDeclaration)
    case oauth2(OAuth2Declaration)
}

extension Field {
    /// Reads `headers`; names are compared without regard to case.
    func headers() -> [HeaderDeclaration] {
        guard let reader = object("an object of header names and values") else { return [] }
        var names: Set<String> = []
        return reader.entries.compactMap { name, keyPlace, value in
            if let fault = HeaderRules.nameFault(name) {
                log.add(.error, at: keyPlace, fault)
            } else if !names.insert(name.lowercased()).inserted {
                log.add(.error, at: keyPlace, "the header \(Words.quoted(name)) stands here twice")
            }
            return value.header(name)
        }
    }

    private func header(_ name: String) -> HeaderDeclaration? {
        guard let value = textOrSecret() else { return nil }
        guard case .plain(let text, _) = value else {
            return HeaderDeclaration(name: name, value: value, isSecret: true)
        }
        if let fault = HeaderRules.valueFault(text.utf8) { error(fault) }
        let isSensitive = HeaderRules.isSensitive(name)
        let template = headerTemplate(name, text)
        if isSensitive, template == nil {
            warning("this looks like a secret written plainly: refer to it by \(Field.referenceExample)")
        }
        return HeaderDeclaration(name: name, value: value, isSecret: isSensitive, template: template)
    }

    /// Reads `auth`.
    func auth(_ options: TransferOptions) -> AuthDeclaration? {
        guard var reader = object() else { return nil }
        defer { reader.finish() }
        let bearer = reader.optional("bearer")
        let basic = reader.optional("basic")
        let oauth2 = reader.optional("oauth2")
        if [bearer, basic, oauth2].compactMap({ $0 }).count > 1 {
            error("only one of \"bearer\", \"basic\" and \"oauth2\" may be given")
        }
        if let bearer { return bearer.secret().map(AuthDeclaration.bearer) }
        if let basic { return basic.basicAuth() }
        if let oauth2 { return oauth2.oauth2(options).map(AuthDeclaration.oauth2) }
        reader.missingOneOf(["bearer", "basic", "oauth2"], "write {\"bearer\": {\"credential\": \"NAME\"}}")
        return nil
    }

    private func basicAuth() -> AuthDeclaration? {
        guard var reader = object() else { return nil }
        defer { reader.finish() }
        let user = reader.required("user", "add the user's name")
        let password = reader.required("password", "refer to it by \(Field.referenceExample)")?.secret()
        guard let user, let declared = user.textOrSecret(), let password else { return nil }
        if case .plain(let text, _) = declared, let fault = HeaderRules.userFault(text.utf8) { user.error(fault) }
        return .basic(user: declared, password: password)
    }
}

extension HeaderRules {
    /// RFC 7617 section 2: a user has no colon, neither user nor password has control characters.
    static func userFault(_ bytes: some Sequence<UInt8>) -> String? {
        bytes.contains(UInt8(ascii: ":")) ? "the user may not hold a colon" : passwordFault(bytes)
    }

    static func passwordFault(_ bytes: some Sequence<UInt8>) -> String? {
        bytes.contains { $0 < 0x20 || $0 == 0x7F } ? "user and password may not hold control characters" : nil
    }
}
