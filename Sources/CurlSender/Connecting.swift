internal import CCurl
package import Relay

extension CurlSender {
    /// How long a server that asked for a certificate of ours may take to refuse it.
    private static let refusalMilliseconds: Int32 = 2_000

    /// Connects as a request would, TLS and the address policy included, and sends nothing.
    /// - Parameter url: what stands after its host is not looked at.
    /// - Returns: why it did not come to a connection; nil where it did.
    package static func tryConnection(url: String, options: TransferOptions) -> TransferFailure? {
        guard isReady, let transfer = Transfer.make(userAgent: "gruveo-relay") else {
            return TransferFailure(.connect, "no memory")
        }
        defer { transfer.destroy() }
        // Without "…": scheme, host and port.
        let origin = String(redactedURL(url).dropLast())
        let request = OutgoingRequest(method: "GET", url: origin, headers: [], body: [], options: options)
        do { try transfer.prepare(request) } catch { return error }
        guard relay_curl_set_connect_only(transfer.easy, 1) == CURLE_OK else {
            return TransferFailure(.setup, "libcurl cannot connect only")
        }
        relay_curl_set_no_signal(transfer.easy, 0)
        transfer.closesUnanswered = false
        var code = curl_easy_perform(transfer.easy)
        // Under TLS 1.3 our handshake is over before the server has looked at our certificate.
        if code == CURLE_OK, transfer.isAskedForCertificate {
            let heard = relay_curl_hear(transfer.easy, refusalMilliseconds)
            if heard != CURLE_AGAIN { code = heard }
        }
        guard code != CURLE_OK, case .failure(let failure) = transfer.ending(code) else { return nil }
        guard code == CURLE_COULDNT_RESOLVE_HOST else { return failure }
        return NameLookup.failure(host: transfer.host, code: NameLookup.lookUp(transfer.host))
    }
}
