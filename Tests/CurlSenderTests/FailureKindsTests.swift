import CCurl
import Glibc
import Relay
import Testing

@testable import CurlSender

struct FailureKindsTests {
    private func failure(_ code: CURLcode, alert: UInt8?, systemError: Int32 = ECONNRESET) -> TransferFailure {
        .classify(
            code: code, text: "Send failure: Connection reset by peer", systemError: systemError,
            alert: alert.map(TLSAlert.init))
    }

    @Test(arguments: [CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2])
    func anAlertThatRefusesUsIsTheReasonWhateverBroke(code: CURLcode) {
        for alert: UInt8 in [40, 42, 43, 44, 45, 46, 48, 49, 51, 71, 116] {
            #expect(failure(code, alert: alert).kind == .tls, "alert \(alert)")
        }
        #expect(
            failure(code, alert: 116).text
                == "the server refuses the connection by TLS alert 116, certificate required")
    }

    @Test(arguments: [CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING])
    func whatBreaksWithoutARefusalIsAConnection(code: CURLcode) {
        // Nothing, close notify, bad record MAC, decode error, internal error, user canceled.
        for alert: UInt8? in [nil, 0, 20, 50, 80, 90] {
            let failure = failure(code, alert: alert)
            #expect(failure.kind == .reset, "alert \(String(describing: alert))")
            #expect(failure.text == "Send failure: Connection reset by peer")
        }
    }

    @Test func aRequestForACertificateIsKnownByItsType() {
        func isRequest(_ kind: curl_infotype, _ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { TLSAlert.isCertificateRequest(kind: kind, bytes: $0) }
        }
        #expect(isRequest(CURLINFO_SSL_DATA_IN, [13, 0, 0, 3, 0, 0, 0]))
        #expect(!isRequest(CURLINFO_SSL_DATA_OUT, [13, 0, 0, 3, 0, 0, 0]))
        for message: [UInt8] in [[], [13], [11, 0, 0, 3, 0, 0, 0], [22, 3, 3, 0, 13]] {
            #expect(!isRequest(CURLINFO_SSL_DATA_IN, message))
        }
    }

    @Test func onlyAFatalAlertThatComesInIsOne() {
        func alert(_ kind: curl_infotype, _ bytes: [UInt8]) -> TLSAlert? {
            bytes.withUnsafeBytes { TLSAlert(kind: kind, bytes: $0) }
        }
        #expect(alert(CURLINFO_SSL_DATA_IN, [2, 116]) == TLSAlert(116))
        #expect(alert(CURLINFO_SSL_DATA_IN, [1, 112]) == nil)
        #expect(alert(CURLINFO_SSL_DATA_OUT, [2, 116]) == nil)
        #expect(alert(CURLINFO_DATA_IN, [2, 116]) == nil)
        for message: [UInt8] in [[], [2], [2, 116, 0], [21, 3, 3, 0, 2]] {
            #expect(alert(CURLINFO_SSL_DATA_IN, message) == nil)
        }
    }
}
