package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// Question is one that the person who logs in must answer.
type Question struct {
	Text   string // in words, without a colon
	Secret bool   // the answer must not be shown: the password
}

// Ask returns the answer to a question.
type Ask func(ctx context.Context, q Question) (string, error)

// attempts is how often a wrong code or password may be corrected. Telegram itself
// allows some five codes.
const attempts = 3

// Login logs in the user account whose phone number, code and password ask returns. It
// does nothing when somebody is logged in. The client must be connected; its session,
// telegram.Client.ExportSession, is then to be kept by [Save].
func Login(ctx context.Context, tg *telegram.Client, ask Ask) error {
	switch err := authorized(ctx, tg); {
	case err == nil:
		return nil
	case !errors.Is(err, ErrNoSession):
		return fmt.Errorf("log in: %w", err)
	}
	phone, err := ask(ctx, Question{Text: "Phone number with the country's code, like +49151123456"})
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if phone = digits(phone); phone == "" {
		return errors.New("log in: no phone number")
	}
	auth, err := signIn(ctx, tg, phone, ask)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if _, ok := auth.(*telegram.AuthAuthorizationSignUpRequired); ok {
		return errors.New("log in: this number has no account yet: sign up with Telegram's own app")
	}
	_, err = self(ctx, tg)
	return err
}

// signIn asks for the code, and for the password where there is one.
func signIn(ctx context.Context, tg *telegram.Client, phone string, ask Ask) (telegram.AuthAuthorization, error) {
	sent, err := sendCode(ctx, tg, phone)
	if err != nil {
		return nil, err
	}
	text := "The code that Telegram sent " + whereTo(sent.Type)
	for range attempts {
		code, err := ask(ctx, Question{Text: text})
		if err != nil {
			return nil, err
		}
		auth, err := call[telegram.AuthAuthorization](ctx, tg, &telegram.AuthSignInParams{
			PhoneNumber: phone, PhoneCodeHash: sent.PhoneCodeHash, PhoneCode: strings.TrimSpace(code),
		})
		switch named(err) {
		case "SESSION_PASSWORD_NEEDED":
			return checkPassword(ctx, tg, ask)
		case "PHONE_CODE_INVALID", "PHONE_CODE_EMPTY":
			text = "That is not the code. Once more"
		default:
			return auth, err
		}
	}
	return nil, errors.New("the code was wrong too often")
}

// sendCode has a code sent. The account's data centre may be another one: gogram moves
// there and reports an error.
func sendCode(ctx context.Context, tg *telegram.Client, phone string) (*telegram.AuthSentCodeObj, error) {
	request := &telegram.AuthSendCodeParams{
		PhoneNumber: phone, APIID: tg.AppID(), APIHash: tg.AppHash(), Settings: &telegram.CodeSettings{},
	}
	sent, err := followed[telegram.AuthSentCode](ctx, tg, request)
	if err != nil {
		return nil, fmt.Errorf("send code: %w", err)
	}
	code, ok := sent.(*telegram.AuthSentCodeObj)
	if !ok { // a paid code, or one for another kind of login
		return nil, fmt.Errorf("send code: Telegram sends none to this application (%T)", sent)
	}
	if _, ok := code.Type.(*telegram.AuthSentCodeTypeSetUpEmailRequired); ok {
		return nil, errors.New("send code: the account needs an email address first: set it in Telegram's own app")
	}
	return code, nil
}

// followed sends a request again when it has moved the client to the account's own data
// centre.
func followed[T any](ctx context.Context, tg *telegram.Client, request interface{ CRC() uint32 }) (T, error) {
	at := tg.GetDC()
	answer, err := call[T](ctx, tg, request)
	if err == nil || tg.GetDC() == at {
		return answer, err
	}
	if len(tg.GetAuthKey()) == 0 { // the key exchange there has failed
		safe.Stop(tg.MTProto)
		if err := connect(ctx, tg); err != nil {
			return answer, err
		}
	}
	return call[T](ctx, tg, request)
}

func checkPassword(ctx context.Context, tg *telegram.Client, ask Ask) (telegram.AuthAuthorization, error) {
	text := "Password of the account"
	for range attempts {
		// Each attempt needs another challenge.
		challenge, err := call[*telegram.AccountPassword](ctx, tg, &telegram.AccountGetPasswordParams{})
		if err != nil {
			return nil, fmt.Errorf("get password challenge: %w", err)
		}
		if challenge.Hint != "" {
			text += " (hint: " + strconv.Quote(challenge.Hint) + ")"
		}
		password, err := ask(ctx, Question{Text: text, Secret: true})
		if err != nil {
			return nil, err
		}
		var proof telegram.InputCheckPasswordSRP
		err = safe.Do(func() (err error) {
			proof, err = telegram.GetInputCheckPassword(password, challenge)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("prove password: %w", err)
		}
		auth, err := call[telegram.AuthAuthorization](ctx, tg, &telegram.AuthCheckPasswordParams{Password: proof})
		if name := named(err); name != "PASSWORD_HASH_INVALID" && name != "SRP_ID_INVALID" {
			return auth, err
		}
		text = "That is not the password. Once more"
	}
	return nil, errors.New("the password was wrong too often")
}

// OpenBot returns a connected client of the bot that has the token. Its session is kept
// in a file, for a bot that logs in often has to wait; a session of another bot is
// not used. c.Session is ignored. It fails with [ErrExposed], too.
func OpenBot(ctx context.Context, c Config, token, path string) (*telegram.Client, error) {
	id, _, ok := strings.Cut(token, ":")
	if _, err := strconv.ParseInt(id, 10, 64); err != nil || !ok {
		return nil, errors.New("log in: not a bot token of @BotFather")
	}
	var err error
	if c.Session, err = Load(path); errors.Is(err, ErrExposed) {
		return nil, err
	}
	if c.Session != "" {
		tg, err := Open(ctx, c)
		switch {
		case err == nil && strconv.FormatInt(tg.Me().ID, 10) == id:
			return tg, nil
		case err == nil: // of another bot
			_ = Close(tg)
		case !errors.Is(err, ErrDead) && !errors.Is(err, ErrNoSession):
			return nil, err
		}
	}
	c.Session = ""
	tg, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := loginBot(ctx, tg, token); err != nil {
		_ = Close(tg)
		return nil, err
	}
	if err := Save(path, tg.ExportSession()); err != nil {
		_ = Close(tg)
		return nil, err
	}
	return tg, nil
}

func loginBot(ctx context.Context, tg *telegram.Client, token string) error {
	if _, err := Connect(ctx, tg); err != nil {
		return err
	}
	_, err := followed[*telegram.AuthAuthorizationObj](ctx, tg, &telegram.AuthImportBotAuthorizationParams{
		APIID: tg.AppID(), APIHash: tg.AppHash(), BotAuthToken: token,
	})
	switch named(err) {
	case "":
	case "ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_EXPIRED":
		return errors.New("log in: Telegram does not know this bot token: see @BotFather")
	}
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	_, err = self(ctx, tg)
	return err
}

// named returns Telegram's name of an error, or nothing.
func named(err error) string {
	var rpc *gogram.ErrResponseCode
	if errors.As(err, &rpc) {
		return rpc.Message
	}
	return ""
}

// whereTo says where a code arrives.
func whereTo(kind telegram.AuthSentCodeType) string {
	switch kind := kind.(type) {
	case *telegram.AuthSentCodeTypeApp:
		return "to your other devices"
	case *telegram.AuthSentCodeTypeSms, *telegram.AuthSentCodeTypeSmsWord, *telegram.AuthSentCodeTypeSmsPhrase:
		return "by SMS"
	case *telegram.AuthSentCodeTypeEmailCode:
		return "by email to " + kind.EmailPattern
	case *telegram.AuthSentCodeTypeFragmentSms:
		return "to fragment.com"
	case *telegram.AuthSentCodeTypeMissedCall:
		return "as the last digits of the number that calls you, " + kind.Prefix + "…"
	}
	return "by phone"
}

// digits returns a phone number as Telegram takes it.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
