internal import CCurl
internal import Glibc
internal import Relay

/// One easy handle of libcurl with the memory that its requests need; used for one request after another.
///
/// Only the thread which drives its handle touches it. libcurl holds it once, as the context of its callbacks, from
/// `make` until `destroy`.
final class Transfer {
    typealias Completion = @Sendable (AttemptResult) -> Void

    let easy: UnsafeMutableRawPointer
    private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headers = HeaderList()
    private var body = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 1)
    private let userAgent: String
    /// What the handle's options are set to.
    private var method: String?
    private(set) var url: String?
    private(set) var options: TransferOptions?
    /// The URL's host as libcurl reads it.
    private(set) var host = ""
    /// False where the host is an address.
    private(set) var needsLookup = true

    /// Whether addresses are held against the policy; off only for what a person types on the command line.
    private let isPoliced: Bool
    private(set) var peer = PeerCheck()
    /// Whether the request was stopped because its connection, kept from earlier, had something to read already.
    ///
    /// Whatever that is, it answers no request of ours: a second answer to the last one, or the notice of a proxy that
    /// closes. libcurl before 8.0 would take it for the answer to this request.
    private(set) var hasMetStray = false
    /// Nil where no connection is ever used twice.
    private let keptSockets: KeptSockets?
    private var hasConnected = false
    private var isFreshConnectSet = false
    private var isHTTPS = false
    /// What the server said when it ended this request's connection.
    private var alert: TLSAlert?
    private var awaitsAlert = false
    /// Off where the connection itself is what is wanted.
    var closesUnanswered = true
    /// Whether the server of this request's own connection wanted a certificate of ours.
    private(set) var isAskedForCertificate = false
    private var isHTTP1Only = false
    /// Only in HTTP/1 does nothing come unasked for; over TLS an answer has to show first what is spoken.
    private var speaksHTTP1 = false
    private(set) var reply: Reply
    private let bodyLimit: Int
    private var startedAt = Timestamp(milliseconds: 0)
    private var startedAtTick: Int64 = 0

    /// Who is told of the end; nil while no request is under way.
    var completion: Completion?
    /// Whether `LookupGate` counts the transfer as one which looks up a name.
    var isCounted = false
    /// The place in the sender's list of running transfers.
    var slot = 0

    static let bodyCapacityKept = 64 * 1024

    /// - Returns: nil when libcurl has no memory for a handle.
    static func make(
        userAgent: String, bodyLimit: Int = Response.bodyLimit, isPoliced: Bool = true, keptSockets: KeptSockets? = nil
    ) -> Transfer? {
        guard let easy = curl_easy_init() else { return nil }
        let transfer = Transfer(easy, userAgent, bodyLimit, isPoliced, keptSockets)
        _ = Unmanaged.passRetained(transfer)
        transfer.setConstantOptions()
        return transfer
    }

    private init(
        _ easy: UnsafeMutableRawPointer, _ userAgent: String, _ bodyLimit: Int, _ isPoliced: Bool,
        _ keptSockets: KeptSockets?
    ) {
        self.keptSockets = keptSockets
        self.easy = easy
        self.userAgent = userAgent
        self.bodyLimit = bodyLimit
        self.isPoliced = isPoliced
        reply = Reply(bodyLimit: bodyLimit)
    }

    deinit {
        errorBuffer.deallocate()
        body.deallocate()
    }

    /// Frees the handle; it must be in no multi handle.
    func destroy() {
        curl_easy_cleanup(easy)
        Unmanaged.passUnretained(self).release()
    }

    /// The transfer behind a handle or a callback's context.
    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Before the request

    /// Notes the time at which the attempt began.
    func begin() {
        startedAt = Timestamp(milliseconds: Clock.now(CLOCK_REALTIME))
        startedAtTick = Clock.now(CLOCK_MONOTONIC)
    }

    /// Sets the handle up for a request; what it has from the last one is left alone.
    /// - Throws: a `setup` failure for a request that must not be sent.
    func prepare(_ request: OutgoingRequest) throws(TransferFailure) {
        speaksHTTP1 = speaksHTTP1 || reply.isHTTP1
        beginAnew()
        if request.options != options { setOptions(request.options) }
        if request.url != url { try setURL(request.url) }
        if isFreshConnectSet { setFreshConnect(false) }
        try setMethod(request)
        relay_curl_set_headers(easy, try headers.fill(request.headers, userAgent: userAgent))
    }

    /// Makes the same request ready for a connection of its own.
    func avoidStray() {
        beginAnew()
        setFreshConnect(true)
    }

    /// Whether the server may have said in an alert why the request could not be sent, and nobody has read it.
    ///
    /// libcurl reads no more before it closes a connection over HTTP/2; over HTTP/1.1 it does.
    func mayMissAlert(_ code: CURLcode) -> Bool {
        (code == CURLE_SEND_ERROR || code == CURLE_HTTP2) && awaitsAlert && isAskedForCertificate && alert == nil
            && !isHTTP1Only
    }

    /// Makes the same request ready for HTTP/1.1.
    func avoidHTTP2() {
        beginAnew()
        setHTTP1Only(true)
    }

    private func setHTTP1Only(_ isOn: Bool) {
        isHTTP1Only = isOn
        relay_curl_set_http_version(easy, Int(isOn ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS))
    }

    private func beginAnew() {
        errorBuffer.pointee = 0
        reply = Reply(bodyLimit: bodyLimit)
        hasMetStray = false
        hasConnected = false
        alert = nil
        isAskedForCertificate = false
        if awaitsAlert { awaitAlert(false) }
        if isHTTP1Only { setHTTP1Only(false) }
        peer.begin()
    }

    /// Whether libcurl shows what comes over TLS, and closes the connection when the request ends.
    ///
    /// Where a request cannot be sent, an alert that says why may lie there unread: libcurl reads it at the close, and
    /// would otherwise keep the connection.
    private func awaitAlert(_ isOn: Bool) {
        awaitsAlert = isOn
        relay_curl_set_verbose(easy, isOn ? 1 : 0)
        relay_curl_set_forbid_reuse(easy, isOn && closesUnanswered ? 1 : 0)
    }

    private func setFreshConnect(_ isOn: Bool) {
        isFreshConnectSet = isOn
        relay_curl_set_fresh_connect(easy, isOn ? 1 : 0)
    }

    private func setOptions(_ options: TransferOptions) {
        // A reset keeps the connections and gives back the defaults of TLS, which cannot be set by themselves.
        if self.options != nil {
            curl_easy_reset(easy)
            method = nil
            url = nil
            awaitsAlert = false
            isHTTP1Only = false
            setConstantOptions()
        }
        self.options = options
        peer = PeerCheck(allowPrivate: options.allowPrivate)
        setDestinationOptions(options)
    }

    private func setURL(_ text: String) throws(TransferFailure) {
        url = nil
        host = try RequestURL.host(of: text)
        let scheme = text.prefix { $0 != ":" }.lowercased()
        speaksHTTP1 = scheme == "http"
        isHTTPS = scheme == "https"
        needsLookup = !host.hasPrefix("[") && AddressText.parse(host) == nil
        guard relay_curl_set_url(easy, text) == CURLE_OK else { throw TransferFailure(.setup, "no memory for the URL") }
        url = text
    }

    private func setMethod(_ request: OutgoingRequest) throws(TransferFailure) {
        guard let form = RequestForm(method: request.method, hasBody: !request.body.isEmpty) else {
            throw TransferFailure(.setup, "the method is none of \(RequestForm.methods.joined(separator: ", "))")
        }
        if form.hasBody { setBody(request.body) }
        if request.method == method, form.hasBody { return }
        method = form.hasBody ? request.method : nil
        _ = form.hasBody ? relay_curl_set_post(easy, 1) : relay_curl_set_http_get(easy, 1)
        relay_curl_set_custom_request(easy, form.customMethod)
    }

    /// Copies the body: libcurl wants it to stay where it is, which a Swift array does not promise.
    private func setBody(_ bytes: [UInt8]) {
        if bytes.count > body.count || body.count > max(bytes.count, Transfer.bodyCapacityKept) {
            body.deallocate()
            body = .allocate(byteCount: max(1024, bytes.count), alignment: 1)
        }
        bytes.withUnsafeBytes { body.copyMemory(from: $0) }
        relay_curl_set_body_size(easy, curl_off_t(bytes.count))
        relay_curl_set_body(easy, body.baseAddress)
    }

    private func setConstantOptions() {
        setContext(Unmanaged.passUnretained(self).toOpaque())
        relay_curl_set_error_buffer(easy, errorBuffer)
        setLimits()
    }

    // MARK: After the request

    /// How the request ended, by libcurl's code and by what has come in until then.
    func ending(_ code: CURLcode) -> AttemptResult.Ending {
        if reply.hasHeaders {
            let isComplete = code == CURLE_OK && !reply.isCut
            return .response(
                Response(status: reply.status, headerLines: reply.headerLines, body: reply.body, isComplete: isComplete)
            )
        }
        if let denied = peer.denied { return .failure(TransferFailure(.addressDenied, denied)) }
        let text = String(cString: errorBuffer)
        return .failure(
            TransferFailure.classify(
                code: code, text: text, systemError: Int32(relay_curl_get_os_errno(easy)), alert: alert))
    }

    /// The result, with the times since `begin`.
    func result(_ ending: AttemptResult.Ending) -> AttemptResult {
        AttemptResult(
            ending: ending, startedAt: startedAt,
            durationMilliseconds: Clock.now(CLOCK_MONOTONIC) - startedAtTick)
    }

    // MARK: Callbacks

    func receive(line: UnsafeRawBufferPointer) {
        if awaitsAlert { awaitAlert(false) }
        reply.receive(line: line)
    }

    func receive(body bytes: UnsafeRawBufferPointer) -> Bool { reply.receive(body: bytes) }

    func see(_ kind: curl_infotype, _ bytes: UnsafeRawBufferPointer) {
        if let seen = TLSAlert(kind: kind, bytes: bytes) { alert = seen }
        if TLSAlert.isCertificateRequest(kind: kind, bytes: bytes) { isAskedForCertificate = true }
    }

    func mayConnect(to address: [UInt8]) -> Bool {
        hasConnected = true
        alert = nil
        isAskedForCertificate = false
        if isHTTPS, !awaitsAlert { awaitAlert(true) }
        return !isPoliced || peer.mayConnect(to: address)
    }

    func maySend(toPeer text: UnsafePointer<CChar>) -> Bool { !isPoliced || peer.maySend(to: text) }

    func meetsStray(localPort: Int32, peerPort: Int32) -> Bool {
        guard !hasConnected, speaksHTTP1, let keptSockets else { return false }
        hasMetStray = keptSockets.haveInput(localPort: localPort, peerPort: peerPort)
        return hasMetStray
    }
}

/// Milliseconds of a system clock.
enum Clock {
    static func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
