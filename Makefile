# A first Makefile: build/ holds everything made; see `make help` later.
BUILD ?= build
CC ?= gcc
PKGS = libevent libevent_pthreads openssl libxml-2.0 zlib libxxhash libisal
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Iinclude -I. $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS)) -llmdb -lpthread
SRC = $(filter-out server/main.c,$(wildcard storage/*.c storage/base/*.c server/*.c server/*/*.c admin/*.c))
OBJ = $(SRC:%.c=$(BUILD)/%.o)

all: $(BUILD)/pail
$(BUILD)/pail: $(OBJ) $(BUILD)/server/main.o
	$(CC) $(CFLAGS_ALL) -o $@ $^ $(LIBS)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -c -o $@ $<
-include $(OBJ:.o=.d)
