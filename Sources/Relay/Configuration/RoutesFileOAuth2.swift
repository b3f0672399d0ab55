import Signatures

/// How a destination's access token is got, as the file declares it.
struct OAuth2Declaration: Sendable {
    enum Grant: String, Sendable, CaseIterable {
        case clientCredentials = "client_credentials"
        case refreshToken = "refresh_token"
    }

    let tokenURL: String
    let clientID: TextDeclaration
    let clientSecret: SecretDeclaration
    /// Nil for the grant `client_credentials`.
    let refreshToken: SecretDeclaration?
    let scope: String?
    let clientAuthentication: OAuth2.ClientAuthentication
    let scheme: String
}

extension Field {
    /// Reads `auth.oauth2`.
    func oauth2(_ options: TransferOptions) -> OAuth2Declaration? {
        guard var reader = object() else { return nil }
        defer { reader.finish() }
        let grants = Words.choice(OAuth2Declaration.Grant.allCases.map(\.rawValue))
        let grant = reader.required("grant", "add \"grant\": \(grants)")?.word(OAuth2Declaration.Grant.self)
        let url = reader.required("tokenUrl", "add the address of the service's token endpoint")?.tokenURL(options)
        let id = reader.required("clientId", "add the id that the service gave to the relay")?.clientID()
        let secret = reader.required("clientSecret", "refer to it by \(Field.referenceExample)")?.secret()
        let (isComplete, refreshToken) = reader.refreshToken(grant)
        let scope = reader.optional("scope")?.scope()
        let authentication = reader.optional("clientAuth")?.word(OAuth2.ClientAuthentication.self)
        let scheme = reader.optional("scheme")?.authenticationScheme()
        guard grant != nil, isComplete, let url, let id, let secret else { return nil }
        return OAuth2Declaration(
            tokenURL: url, clientID: id, clientSecret: secret, refreshToken: refreshToken, scope: scope,
            clientAuthentication: authentication ?? .basic, scheme: scheme ?? "Bearer")
    }

    private func tokenURL(_ options: TransferOptions) -> String? {
        guard let text = text("the URL of the token endpoint") else { return nil }
        do throws(WebhookURL.Fault) {
            let url = try WebhookURL(text)
            if let refusal = NetworkRules.refusal(of: url.host, allowPrivate: options.allowPrivate) { error(refusal) }
            let isPrivate = NetworkRules.refusal(of: url.host, allowPrivate: []) != nil
            if !url.isEncrypted, !isPrivate { warning("the client's secret goes out unencrypted: use https://") }
            return text
        } catch {
            self.error(error.message)
            return nil
        }
    }

    private func clientID() -> TextDeclaration? {
        guard let declaration = textOrSecret() else { return nil }
        if case .plain(let text, _) = declaration, !OAuth2Text.isVisible(text.utf8) {
            error("must be what the service gave as the client's id: visible ASCII and spaces, and not empty")
        }
        return declaration
    }

    private func scope() -> String? {
        guard let text = text() else { return nil }
        guard OAuth2Text.isScope(text) else {
            error("must be words with one space between them, in visible ASCII without quotes and backslashes")
            return nil
        }
        return text
    }

    private func authenticationScheme() -> String? {
        guard let text = text("the word before the token, such as \"Bearer\"") else { return nil }
        guard HeaderText.isToken(text) else {
            error("must be one word of letters, digits and !#$%&'*+.^_`|~-")
            return nil
        }
        return text
    }
}

extension ObjectReader {
    /// The refresh token is needed with its grant and would do nothing with the other one.
    fileprivate mutating func refreshToken(
        _ grant: OAuth2Declaration.Grant?
    ) -> (isComplete: Bool, token: SecretDeclaration?) {
        guard grant == .refreshToken else {
            let field = optional("refreshToken")
            if grant != nil { field?.error("only the grant \"refresh_token\" has this key: remove it") }
            return (true, nil)
        }
        let token = required("refreshToken", "refer to it by \(Field.referenceExample)")?.secret()
        return (token != nil, token)
    }
}

/// What RFC 6749 appendix A allows in the values of a request.
private enum OAuth2Text {
    static func isVisible(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { (0x20...0x7E).contains($0) }
    }

    static func isScope(_ text: String) -> Bool {
        text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty && word.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
        }
    }
}

extension SecretReader {
    /// Nil where the destination is told who we are in another way.
    func oauth2(_ auth: AuthDeclaration) -> OAuth2? {
        guard case .oauth2(let declaration) = auth else { return nil }
        let (id, isSecret) =
            switch declaration.clientID {
            case .plain(let text, _): (text, false)
            case .secret(let secret): (String(decoding: visible(secret), as: UTF8.self), true)
            }
        let secret = Secret(visible(declaration.clientSecret))
        let refreshToken = declaration.refreshToken.map { Secret(visible($0)) }
        return OAuth2(
            grant: refreshToken.map(OAuth2.Grant.refreshToken) ?? .clientCredentials, tokenURL: declaration.tokenURL,
            clientID: id, isClientIDSecret: isSecret, clientSecret: secret, scope: declaration.scope,
            clientAuthentication: declaration.clientAuthentication, scheme: declaration.scheme)
    }

    private func visible(_ declaration: SecretDeclaration) -> [UInt8] {
        guard let bytes = bytes(declaration) else { return Array(Secret.mask.utf8) }
        if !OAuth2Text.isVisible(bytes) {
            log.add(
                .error, at: declaration.place,
                "\(declaration.reference) holds something else than visible ASCII and spaces, such as a line break")
        }
        return bytes
    }
}
