import Signatures

/// A destination as the file declares it.
struct DestinationDeclaration: Sendable {
    let name: String
    let method: String
    let url: TextDeclaration
    let headers: [HeaderDeclaration]
    let auth: AuthDeclaration?
    let signing: SigningDeclaration?
    let options: TransferOptions
    let tlsFiles: [TLSFileDeclaration]
    let retry: RetrySchedule
    let overrides: OutcomeOverrides
    let concurrency: Int
    let body: BodyTemplate?
    let urlTemplate: URLTemplate?
    let query: [QueryDeclaration]
    /// The preset's name.
    let preset: String?
    let rate: Rate?
    let isOrdered: Bool
    let place: FilePlace

    static let defaultConcurrency: Int64 = 8
}

private enum Method: String, CaseIterable {
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case get = "GET"
    case delete = "DELETE"
}

extension Field {
    /// Reads `destinations`.
    func destinations(_ presets: PresetLibrary) -> [DestinationDeclaration] {
        guard let reader = object("an object of names and destinations") else { return [] }
        let declarations = reader.entries.compactMap { name, keyPlace, field in
            log.check(name: name, at: keyPlace)
            return field.withPreset(from: presets).destination(name)
        }
        noteSharedURLs(declarations)
        return declarations
    }

    func destination(_ name: String) -> DestinationDeclaration? {
        guard var reader = object("a destination: an object with \"url\"") else { return nil }
        defer { reader.finish() }
        let urlField = reader.required(
            "url", "add \"url\": \"https://…\", or refer to it by {\"credential\": \"NAME\"}")
        let method = reader.optional("method")?.word(Method.self) ?? .post
        let headers = reader.optional("headers")?.headers() ?? []
        let authField = reader.optional("auth")
        let signing = reader.optional("sign")?.signing()
        let (options, tlsFiles) = reader.transferOptions()
        let auth = authField?.auth(options)
        let retry = reader.optional("retry")?.retry() ?? .standard
        let concurrency = reader.optional("concurrency")?.whole(1...1000, "requests")
        let rate = reader.optional("rate")?.rate()
        let isOrdered = reader.optional("ordered")?.isOrdered(concurrency) ?? false
        let overrides = reader.outcomeOverrides()
        let body = reader.body()
        let query = reader.optional("query")?.query() ?? []
        // PresetMerge.swift has said what is wrong with it, and has put its values around the body.
        let preset = reader.optional("preset").flatMap { $0.isString ? $0.text() : nil }
        _ = reader.optional("with")
        checkCollisions(headers, auth, signing)
        guard let url = urlField?.webhookURL(options) else { return nil }
        return DestinationDeclaration(
            name: name, method: method.rawValue, url: url, headers: headers, auth: auth, signing: signing,
            options: options, tlsFiles: tlsFiles, retry: retry, overrides: overrides,
            concurrency: Int(concurrency ?? DestinationDeclaration.defaultConcurrency), body: body,
            urlTemplate: urlField?.urlTemplate(), query: query, preset: preset, rate: rate,
            isOrdered: isOrdered, place: place)
    }

    private func webhookURL(_ options: TransferOptions) -> TextDeclaration? {
        guard let declaration = textOrSecret() else { return nil }
        guard case .plain(let text, _) = declaration else { return declaration }
        do throws(WebhookURL.Fault) {
            let url = try WebhookURL(try exampleURL(text))
            if let refusal = NetworkRules.refusal(of: url.host, allowPrivate: options.allowPrivate) { error(refusal) }
        } catch {
            self.error(error.message)
        }
        return declaration
    }

    /// The URL itself, or one that its template can make.
    private func exampleURL(_ text: String) throws(WebhookURL.Fault) -> String {
        do throws(URLTemplate.Fault) { return try URLTemplate(text)?.example ?? text } catch {
            throw WebhookURL.Fault(message: error.message)
        }
    }

    /// Two values for one header would leave it to the receiver which of them counts.
    private func checkCollisions(
        _ headers: [HeaderDeclaration], _ auth: AuthDeclaration?, _ signing: SigningDeclaration?
    ) {
        let names = headers.map { $0.name.lowercased() } + (auth == nil ? [] : ["authorization"])
        if auth != nil, let index = names.dropLast().firstIndex(of: "authorization") {
            let place = headers[index].value.place
            log.add(.error, at: place, "\"auth\" sets this header too: leave one of the two")
        }
        for name in signing?.scheme.headerNames ?? [] where names.contains(name.lowercased()) {
            signing.map { log.add(.error, at: $0.place, "another key sets the header \(Words.quoted(name)) too") }
        }
    }

    private func noteSharedURLs(_ declarations: [DestinationDeclaration]) {
        var owners: [URLIdentity: String] = [:]
        for declaration in declarations {
            guard let other = owners[URLIdentity(declaration.url)] else {
                owners[URLIdentity(declaration.url)] = declaration.name
                continue
            }
            log.add(
                .note, at: declaration.url.place,
                "the same URL as the destination \(Words.quoted(other)): both carry the same webhook-id")
        }
    }
}

extension ObjectReader {
    fileprivate mutating func transferOptions() -> (TransferOptions, [TLSFileDeclaration]) {
        var options = TransferOptions()
        if let timeout = optional("timeout")?.duration(.seconds(1...600)) {
            options.timeoutMilliseconds = Int(timeout)
            options.connectTimeoutMilliseconds = min(options.connectTimeoutMilliseconds, Int(timeout))
        }
        options.allowPrivate = optional("allowPrivate")?.privateNetworks() ?? []
        let files = optional("tls")?.tls(into: &options) ?? []
        return (options, files)
    }
}

/// What makes two declared URLs the same one, as far as the file shows it.
private enum URLIdentity: Hashable {
    case plain([UInt8])
    case secret(SecretReference, prefix: String)

    init(_ declaration: TextDeclaration) {
        switch declaration {
        case .plain(let text, _): self = .plain(Array(text.utf8))
        case .secret(let secret): self = .secret(secret.reference, prefix: secret.prefix)
        }
    }
}
