package import JSONTemplates
import Signatures

/// What was found at a reference.
package struct SecretContent: Sendable {
    package let bytes: [UInt8]
    /// What the operator should know about the place, such as that all users can read the file.
    package let warning: String?

    package init(_ bytes: [UInt8], warning: String? = nil) {
        self.bytes = bytes
        self.warning = warning
    }
}

/// Why nothing could be read at a reference.
package struct SecretFault: Error, Sendable {
    /// In plain words: `it is not set`, `no such file`.
    package let reason: String
    /// Whether it is a file that is not where it would be read from.
    package let isMissingFile: Bool

    package init(reason: String, isMissingFile: Bool = false) {
        self.reason = reason
        self.isMissingFile = isMissingFile
    }
}

/// What the operator should know about a file that is read only when a connection is made.
package struct FileRemark: Sendable {
    package let severity: Finding.Severity
    package let text: String
    package let isMissingFile: Bool

    package init(_ severity: Finding.Severity, _ text: String, isMissingFile: Bool = false) {
        self.severity = severity
        self.text = text
        self.isMissingFile = isMissingFile
    }
}

extension RoutesFile {
    /// What answers with a secret, or says why there is none.
    package typealias SecretSource = (SecretReference) -> Result<SecretContent, SecretFault>

    /// What there is to say about a file of `tls`; one that holds a key is a secret.
    package typealias FileInspection = (_ path: String, _ isSecret: Bool) -> FileRemark?

    /// Reads a routes file, fetches its secrets and reports what is wrong with either, all at once: `decode` and
    /// `resolve` in one, except that a faulty file's secrets are looked at too.
    ///
    /// - Parameters:
    ///   - rendersSamples: whether every template is tried with sample events, too.
    ///   - inspect: asked for each file of `tls`.
    package static func load(
        _ bytes: [UInt8], directory: String, unreadable: Finding.Severity = .error,
        functions: HostFunctions = .withoutZones, presets: PresetLibrary = PresetLibrary(),
        rendersSamples: Bool = false, inspect: FileInspection = { _, _ in nil }, secret: @escaping SecretSource
    ) -> (configuration: Configuration?, findings: [Finding]) {
        let log = FindingLog()
        let secrets = SecretReader(log: log, unreadable: unreadable, fetch: secret)
        let file = read(bytes, presets, log)
        if rendersSamples { file?.renderSamples(functions, log) }
        for tlsFile in file?.destinations.flatMap(\.tlsFiles) ?? [] {
            guard let remark = inspect(tlsFile.path, tlsFile.isSecret) else { continue }
            log.add(remark.severity, at: tlsFile.place, remark.text, isMissingFile: remark.isMissingFile)
        }
        let configuration = file?.configuration(secrets, directory: directory, functions)
        return (configuration, log.findings(in: bytes))
    }

    /// Fetches the secrets and makes what a relay works by.
    ///
    /// A secret that cannot be read is a finding of severity `unreadable`. Below an error the configuration is for
    /// showing only: a stand-in takes the secret's place, `https://secret.invalid/` for a URL, and a source lacks
    /// the key.
    /// - Parameters:
    ///   - directory: where relative paths of `tls` start.
    ///   - functions: what templates can call beside JSON-e's own.
    ///   - secret: asked once for each reference.
    /// - Returns: no configuration where one of the findings is an error. No finding holds a secret.
    package func resolve(
        directory: String, unreadable: Finding.Severity = .error, functions: HostFunctions = .withoutZones,
        secret: @escaping SecretSource
    ) -> (configuration: Configuration?, findings: [Finding]) {
        let log = FindingLog()
        let secrets = SecretReader(log: log, unreadable: unreadable, fetch: secret)
        let configuration = configuration(secrets, directory: directory, functions)
        return (configuration, log.findings(in: bytes))
    }

    private func configuration(
        _ secrets: SecretReader, directory: String, _ functions: HostFunctions
    ) -> Configuration? {
        let sources = sources.map { $0.resolved(secrets) }
        let resolved = destinations.compactMap { $0.resolved(secrets, directory: directory, functions) }
        remarkURLs(resolved, secrets.log)
        guard !secrets.log.hasErrors else { return nil }
        let named = Dictionary(resolved.map { ($0.name, $0) }) { first, _ in first }
        return Configuration(sources: sources, destinations: named, router: Router(routes: routes), limits: limits)
    }
}

extension SourceDeclaration {
    fileprivate func resolved(_ secrets: SecretReader) -> Source {
        let labelled = keys.compactMap { key in
            secrets.signingKey(key.secret).map { (label: key.label, key: HMACKey($0)) }
        }
        return Source(
            name: name, path: path, verifier: Verifier(keys: labelled), dedupeMilliseconds: dedupeMilliseconds,
            maxBody: maxBody, maxAgeMilliseconds: maxAgeMilliseconds)
    }
}

extension DestinationDeclaration {
    fileprivate func resolved(
        _ secrets: SecretReader, directory: String, _ functions: HostFunctions
    ) -> Destination? {
        let url = resolvedURL(secrets)
        let authorization = auth.flatMap { secrets.authorization($0) }
        let allHeaders = (authorization.map { [$0] } ?? []) + headers.map { secrets.header($0) }
        let signer = signing.map { secrets.signer($0) }
        let oauth2 = auth.flatMap { secrets.oauth2($0) }
        guard let url else { return nil }
        return Destination(
            name: name, method: method, url: withQuery(url), headers: allHeaders, signer: signer ?? nil,
            options: options.absolute(in: directory), retry: retry,
            overrides: urlTemplate == nil ? overrides : overrides.addressingOneThing, concurrency: concurrency,
            templates: templates(url, functions), rate: rate, isOrdered: isOrdered, oauth2: oauth2)
    }

    func templates(_ url: String, _ functions: HostFunctions) -> RequestTemplates? {
        let values = query.map { URLTemplate.QueryValue(name: $0.name, value: $0.text) }
        let isTemplate = if case .plain = self.url { true } else { false }
        let urlTemplate = try? URLTemplate(url, isTemplate: isTemplate, query: values)
        let headers = headers.compactMap(\.template)
        guard body != nil || urlTemplate != nil || !headers.isEmpty else { return nil }
        return RequestTemplates(body: body, url: urlTemplate, headers: headers, functions: functions)
    }

    private func resolvedURL(_ secrets: SecretReader) -> String? {
        switch url {
        case .plain(let text, _): return text
        case .secret(let declaration):
            guard let bytes = secrets.bytes(declaration) else { return "https://secret.invalid/" }
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(WebhookURL.Fault) {
                let host = try WebhookURL(text).host
                guard let refusal = NetworkRules.refusal(of: host, allowPrivate: options.allowPrivate) else {
                    return text
                }
                secrets.log.add(.error, at: declaration.place, refusal)
            } catch {
                secrets.log.add(.error, at: declaration.place, error.message)
            }
            return nil
        }
    }
}

extension TransferOptions {
    fileprivate func absolute(in directory: String) -> TransferOptions {
        func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
        var options = self
        options.caFile = caFile.map(absolute)
        options.certificateFile = certificateFile.map(absolute)
        options.keyFile = keyFile.map(absolute)
        return options
    }
}
