import Signatures

/// Fetches secrets and gives them the shape in which they are used; says what is wrong without saying what they are.
final class SecretReader {
    let log: FindingLog
    private let unreadable: Finding.Severity
    private let fetch: (SecretReference) -> Result<SecretContent, SecretFault>
    private var fetched: [SecretReference: Result<SecretContent, SecretFault>] = [:]

    /// Shown in place of a value that could not be read.
    private static let standInKey = Secret([UInt8](repeating: 0, count: 32))

    init(
        log: FindingLog, unreadable: Finding.Severity,
        fetch: @escaping (SecretReference) -> Result<SecretContent, SecretFault>
    ) {
        self.log = log
        self.unreadable = unreadable
        self.fetch = fetch
    }

    /// The bytes with the encoding undone and the prefix before them; nil where a finding says why not.
    func bytes(_ declaration: SecretDeclaration) -> [UInt8]? {
        guard let content = content(declaration) else { return nil }
        let trimmed = SecretReader.withoutLineEnd(content)
        guard !trimmed.isEmpty else { return fail(declaration, "is empty") }
        guard let decoded = SecretReader.decode(trimmed, declaration.encoding) else {
            return fail(declaration, "is not written in \(declaration.encoding.rawValue), as \"encoding\" says")
        }
        return Array(declaration.prefix.utf8) + decoded
    }

    private func content(_ declaration: SecretDeclaration) -> ArraySlice<UInt8>? {
        let reference = declaration.reference
        let isKnown = fetched[reference] != nil
        let result = fetched[reference] ?? fetch(reference)
        fetched[reference] = result
        switch result {
        case .success(let content):
            if let warning = content.warning, !isKnown {
                log.add(.warning, at: declaration.place, "\(reference): \(warning)")
            }
            return content.bytes[...]
        case .failure(let fault):
            log.add(
                unreadable, at: declaration.place, "\(reference) cannot be read: \(fault.reason)",
                isMissingFile: fault.isMissingFile)
            return nil
        }
    }

    private func fail<Value>(_ declaration: SecretDeclaration, _ message: String) -> Value? {
        log.add(.error, at: declaration.place, "\(declaration.reference) \(message)")
        return nil
    }

    /// One line feed, with a carriage return before it or not; editors and `echo` add it.
    private static func withoutLineEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard bytes.last == UInt8(ascii: "\n") else { return bytes }
        let line = bytes.dropLast()
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }

    private static func decode(_ bytes: ArraySlice<UInt8>, _ encoding: SecretDeclaration.Encoding) -> [UInt8]? {
        switch encoding {
        case .text: Array(bytes)
        case .hex: Hex.decode(bytes)
        case .base64: Base64.decode(bytes)
        }
    }
}

// MARK: - Keys

extension SecretReader {
    /// A key for what comes in.
    func signingKey(_ declaration: SecretDeclaration) -> Secret? {
        guard let bytes = bytes(declaration) else { return nil }
        guard bytes.count >= Secret.minimumCount else {
            return fail(declaration, KeyFault.tooShort(count: bytes.count).description)
        }
        return Secret(bytes)
    }

    func signer(_ declaration: SigningDeclaration) -> Signer? {
        let secrets = declaration.keys.map { key in bytes(key).map(Secret.init) ?? SecretReader.standInKey }
        do throws(SigningError) {
            return try Signer(scheme: declaration.scheme, secrets: secrets)
        } catch {
            report(error, declaration)
            return nil
        }
    }

    private func report(_ error: SigningError, _ declaration: SigningDeclaration) {
        switch error {
        case .badKeys(let keys):
            for key in keys {
                let secret = declaration.keys[key.index]
                log.add(.error, at: secret.place, "\(secret.reference) \(key.fault)")
            }
        case .noKey, .severalKeys, .badHeaderName, .reservedHeaderName, .badPrefix:
            // Found while the file was read already; otherwise said here, rather than sent unsigned.
            if !log.hasErrors { log.add(.error, at: declaration.place, "nothing can be signed like this") }
        }
    }
}

// MARK: - Headers

extension SecretReader {
    func header(_ declaration: HeaderDeclaration) -> Destination.Header {
        let value =
            switch declaration.value {
            case .plain(let text, _): text
            case .secret(let secret): headerValue(secret)
            }
        return Destination.Header(name: declaration.name, value: value, isSecret: declaration.isSecret)
    }

    /// The same header for each request; nil where each request gets the token of its time.
    func authorization(_ declaration: AuthDeclaration) -> Destination.Header? {
        let value: String
        switch declaration {
        case .bearer(let token): value = "Bearer " + headerValue(token)
        case .basic(let user, let password): value = "Basic " + credentials(user, password)
        case .oauth2: return nil
        }
        return Destination.Header(name: "Authorization", value: value, isSecret: true)
    }

    private func headerValue(_ declaration: SecretDeclaration) -> String {
        guard let bytes = bytes(declaration) else { return Secret.mask }
        if let fault = HeaderRules.valueFault(bytes) {
            log.add(.error, at: declaration.place, "\(declaration.reference) cannot be sent: \(fault)")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func credentials(_ user: TextDeclaration, _ password: SecretDeclaration) -> String {
        let userBytes: [UInt8]? =
            switch user {
            case .plain(let text, _): Array(text.utf8)
            case .secret(let secret): bytes(secret)
            }
        let passwordBytes = bytes(password)
        if let userBytes, let fault = HeaderRules.userFault(userBytes) { log.add(.error, at: user.place, fault) }
        if let passwordBytes, let fault = HeaderRules.passwordFault(passwordBytes) {
            log.add(.error, at: password.place, fault)
        }
        guard let userBytes, let passwordBytes else { return Secret.mask }
        return Base64.encode(userBytes + [UInt8(ascii: ":")] + passwordBytes)
    }
}
